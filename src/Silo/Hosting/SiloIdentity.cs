using System.Net;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// What a silo of a cluster is called. As Orleans' own, but for the generation, by which the runs of a silo at one address
/// are told apart: by the clock alone, a silo is taken for an earlier run of its own after the clock was set back, and ends
/// itself until the clock is where it was.
/// </summary>
internal sealed class SiloIdentity : ILocalSiloDetails
{
    public SiloIdentity(
        PreparedDatabase database,
        IOptions<Orleans.Configuration.SiloOptions> silo,
        IOptions<ClusterOptions> cluster,
        IOptions<EndpointOptions> endpoints)
    {
        Name = silo.Value.SiloName;
        ClusterId = cluster.Value.ClusterId;
        DnsHostName = Dns.GetHostName();
        var ports = endpoints.Value;
        SiloAddress = SiloAddress.New(
            ports.AdvertisedIPAddress, ports.SiloPort, Math.Max(SiloAddress.AllocateNewGeneration(), database.LastGeneration + 1));
        GatewayAddress = SiloAddress.New(ports.AdvertisedIPAddress, ports.GatewayPort, 0);
    }

    public string Name { get; }

    public string ClusterId { get; }

    public string DnsHostName { get; }

    public SiloAddress SiloAddress { get; }

    public SiloAddress GatewayAddress { get; }
}
