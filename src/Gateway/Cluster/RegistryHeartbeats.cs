using System.Collections.Immutable;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// The way of heartbeats whose workers' grains can't renew a lease, because the store does not answer or because they were
/// lost with their silo: straight to the registries, which hold the leases. Who is alive is not taken for dead for a reason
/// of ours.
/// </summary>
internal sealed class RegistryHeartbeats(ClusterCalls cluster, SiloList silos)
{
    /// <summary>How long a silo may take: it may hang, too.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <returns>An answer for each, in order; null where no registry that answered holds that incarnation.</returns>
    public async Task<HeartbeatAnswer?[]> Renew(IReadOnlyList<WorkerHeartbeat> beats)
    {
        ImmutableArray<WorkerHeartbeat> all = [.. beats];
        // Where the registries are is not asked for: whoever knows that may be what was lost.
        var renewed = await Task.WhenAll(silos.Silos.Select(silo =>
            cluster.CallOnce(grains => SiloServices.HeartbeatsAt(grains, silo).RenewInRegistries(all), Patience)));
        return [.. beats.Select((_, i) => renewed.Select(answers => answers.IsDefault ? null : answers[i]).Aggregate(
            default(HeartbeatAnswer), Merge))];
    }

    /// <summary>Of several service types a worker may have registries on several silos.</summary>
    private static HeartbeatAnswer? Merge(HeartbeatAnswer? one, HeartbeatAnswer? other) =>
        one is null || other is null ? one ?? other : other with { Versions = [.. one.Versions, .. other.Versions] };
}
