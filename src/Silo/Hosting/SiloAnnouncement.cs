using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Configuration;
using WorkerMesh.Silo.Networking;

namespace WorkerMesh.Silo.Hosting;

/// <summary>Says on one line each which mode runs and what was bound, once the silo is active.</summary>
internal sealed partial class SiloAnnouncement(
    IOptions<EndpointOptions> endpoints,
    IOptions<ClusterOptions> cluster,
    PreparedDatabase database,
    ILogger<SiloAnnouncement> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var target = new NpgsqlConnectionStringBuilder(database.Source.ConnectionString);
        LogMode(cluster.Value.ClusterId, DatabaseServer.Describe(target), target.Database);
        var bound = endpoints.Value;
        LogBound(bound.AdvertisedIPAddress, bound.SiloPort, bound.GatewayPort);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(2100, LogLevel.Information,
        "WorkerMesh silo in cluster mode: cluster '{ClusterId}', PostgreSQL at {Servers}/{Database}.")]
    private partial void LogMode(string clusterId, string servers, string? database);

    [LoggerMessage(2101, LogLevel.Information,
        "Silo active at {Address}: port {SiloPort} for silos, port {GatewayPort} for gateways.")]
    private partial void LogBound(System.Net.IPAddress address, int siloPort, int gatewayPort);
}
