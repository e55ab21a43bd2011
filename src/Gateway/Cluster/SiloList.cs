using System.Collections.Immutable;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>The silos that the cluster's membership lists as active.</summary>
internal sealed class SiloList
{
    private ImmutableArray<SiloAddress> silos = [];
    private int version;

    /// <summary>Grows with each change.</summary>
    public int Version => Volatile.Read(ref version);

    /// <summary>
    /// Where they listen for gateways. Empty until the membership was read, and in a gateway that hosts its own silo.
    /// </summary>
    public ImmutableArray<SiloAddress> Silos => ImmutableInterlocked.InterlockedCompareExchange(ref silos, default, default);

    /// <param name="listed">
    /// The silos, in any order and of any generation: one that has come back at its address may be listed beside what it
    /// was before.
    /// </param>
    public void Set(IEnumerable<SiloAddress> listed)
    {
        // Of generation 0 the Orleans client knows them, whose connections are to addresses.
        var now = listed.Select(silo => SiloAddress.New(silo.Endpoint, 0)).Distinct().Order().ToImmutableArray();
        if (!now.SequenceEqual(Silos))
        {
            ImmutableInterlocked.InterlockedExchange(ref silos, now);
            Interlocked.Increment(ref version);
        }
    }
}
