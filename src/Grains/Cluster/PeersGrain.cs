using Orleans.Concurrency;

namespace WorkerMesh.Grains.Cluster;

[StatelessWorker]
internal sealed class PeersGrain(IClusterMembershipService membership, ILocalSiloDetails here) : Grain, IPeersGrain
{
    public Task<PeerList> List()
    {
        var snapshot = membership.CurrentSnapshot;
        var silos = snapshot.Members.Values
            .Select(m => new Peer(m.SiloAddress.ToParsableString(), m.Name, StatusOf(m.Status)))
            .OrderBy(p => p.Name, StringComparer.Ordinal)
            .ThenBy(p => p.Address, StringComparer.Ordinal);
        return Task.FromResult(new PeerList(snapshot.Version.Value, here.SiloAddress.ToParsableString(), [.. silos]));
    }

    private static string StatusOf(SiloStatus status) => status switch
    {
        SiloStatus.Created or SiloStatus.Joining => "joining",
        SiloStatus.Active => "active",
        SiloStatus.ShuttingDown => "shutting_down",
        SiloStatus.Stopping => "stopping",
        _ => "dead",
    };
}
