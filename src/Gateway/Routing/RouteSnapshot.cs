using System.Collections;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// One service type's instances, sorted into the tiers in which a choice looks at them. Immutable: a request reads the
/// reference once and has a consistent view to its end.
/// </summary>
/// <param name="Version">The registry version that it shows.</param>
/// <param name="Tiers">
/// The instances that may be routed to: online ones of this gateway's zone, other online ones, degraded ones. None is
/// empty.
/// </param>
/// <param name="Unrouted">The others.</param>
internal sealed record RouteSnapshot(RegistryVersion Version, InstanceList[] Tiers, InstanceList Unrouted)
{
    private AffinityTable? affinity;

    /// <summary>Every instance, in no order.</summary>
    public AllInstances All => new(this);

    /// <summary>Who is asked for which affinity key; made when the first request has one.</summary>
    public AffinityTable Affinity => Volatile.Read(ref affinity) ?? MakeAffinity();

    public static RouteSnapshot Of(RegistryVersion version, IReadOnlyCollection<Instance> instances, string? zone)
    {
        var tiers = new RouteTiers(zone);
        tiers.Fill(instances);
        return tiers.Snapshot(version);
    }

    private AffinityTable MakeAffinity() =>
        LazyInitializer.EnsureInitialized(ref affinity, () => AffinityTable.Of([.. All]));

    /// <summary>The instances of all tiers, and those that are not routed to.</summary>
    internal readonly struct AllInstances(RouteSnapshot snapshot) : IReadOnlyCollection<Instance>
    {
        public int Length
        {
            get
            {
                var length = snapshot.Unrouted.Length;
                foreach (var tier in snapshot.Tiers)
                {
                    length += tier.Length;
                }

                return length;
            }
        }

        int IReadOnlyCollection<Instance>.Count => Length;

        public IEnumerator<Instance> GetEnumerator() =>
            snapshot.Tiers.SelectMany(tier => tier).Concat(snapshot.Unrouted).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
