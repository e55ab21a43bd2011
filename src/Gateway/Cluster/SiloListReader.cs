using Orleans.Messaging;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Keeps in the <see cref="SiloList"/> what the Orleans client reads of the membership for itself, about once a second.
/// </summary>
/// <param name="membership">Reads it.</param>
/// <param name="silos">What is kept.</param>
internal sealed class SiloListReader(IGatewayListProvider membership, SiloList silos) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => membership.MaxStaleness;

    /// <summary>Nobody asks any more.</summary>
    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => membership.InitializeGatewayListProvider();

    public async Task<IList<Uri>> GetGateways()
    {
        var listed = await membership.GetGateways();
        silos.Set(listed.Select(uri => uri.ToGatewayAddress()).OfType<SiloAddress>());
        return listed;
    }
}
