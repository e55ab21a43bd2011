using System.Collections.Immutable;

namespace WorkerMesh.Grains.Cluster;

/// <summary>
/// The silos as the membership protocol sees them, from the memory of whichever silo answers: it works while the
/// database is down. A stateless worker (key 0).
/// </summary>
[Alias("mesh.IPeersGrain")]
public interface IPeersGrain : IGrainWithIntegerKey
{
    [Alias("List")]
    Task<PeerList> List();
}

/// <summary>The silos of the cluster.</summary>
/// <param name="Version">The version of the membership table that this is a view of.</param>
/// <param name="Answering">The silo that answered.</param>
/// <param name="Silos">One entry each, dead ones that are still in the table included.</param>
[GenerateSerializer, Immutable, Alias("mesh.PeerList")]
public sealed record PeerList(long Version, string Answering, ImmutableArray<Peer> Silos);

/// <summary>A silo.</summary>
/// <param name="Address">Its address with the generation, which tells a restarted silo from its former self.</param>
/// <param name="Name">Its name.</param>
/// <param name="Status">
/// The membership protocol's status, in lower case: joining, active, shutting_down, stopping, dead.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.Peer")]
public sealed record Peer(string Address, string Name, string Status);
