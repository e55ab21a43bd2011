using System.Collections.Immutable;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Announces this gateway to the catalog every few seconds, learns the names of the service types, and notices whether
/// the cluster answers.
/// </summary>
internal sealed partial class GatewayPresence : BackgroundService, ICatalogWatcher
{
    private const int MostNamed = 1000;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Longer than a gateway that starts takes to be answered by silos that it is connected to.</summary>
    private static readonly TimeSpan Unusual = TimeSpan.FromSeconds(5);

    private static readonly Comparer<ServiceType> ByName =
        Comparer<ServiceType>.Create(static (a, b) => string.CompareOrdinal(a.Value, b.Value));

    private readonly IGrainFactory grains;
    private readonly IServer server;
    private readonly ClusterLink link;
    private readonly TimeProvider clock;
    private readonly GatewayOptions options;
    private readonly ILogger<GatewayPresence> logger;
    private readonly DateTimeOffset startedAt;
    private ICatalogWatcher? reference;
    private bool reached;
    private TimeSpan? failingSince;
    private bool saidLost;
    private CatalogNames names = new(0, []);

    public GatewayPresence(
        IGrainFactory grains,
        IServer server,
        ClusterLink link,
        TimeProvider clock,
        IOptions<GatewayOptions> options,
        ILogger<GatewayPresence> logger)
    {
        this.grains = grains;
        this.server = server;
        this.link = link;
        this.clock = clock;
        this.options = options.Value;
        this.logger = logger;
        startedAt = clock.GetUtcNow();
    }

    /// <summary>The id of this process among the gateways.</summary>
    public string GatewayId { get; } = $"{Environment.MachineName}-{Guid.NewGuid().ToString("n")[..8]}";

    /// <summary>The service types that this gateway has heard of, in ordinal order.</summary>
    public ImmutableArray<ServiceType> KnownServices => Volatile.Read(ref names).Names;

    /// <summary>Their names, for those who ask for another one: as many as an answer should hold.</summary>
    public IEnumerable<string> NamedServices => KnownServices.Take(MostNamed).Select(s => s.Value);

    /// <summary>Whether a service type is among them.</summary>
    public bool Knows(ServiceType serviceType) => KnownServices.BinarySearch(serviceType, ByName) >= 0;

    public GatewayInfo Describe() => new(
        GatewayId,
        Environment.MachineName,
        [.. server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []],
        options.Zone,
        startedAt);

    public Task OnNames(CatalogNames names)
    {
        Volatile.Write(ref this.names, names);
        return Task.CompletedTask;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (reference is not null && link.Connected)
        {
            try
            {
                await grains.GetGrain<IServiceCatalogGrain>(0).Unwatch(reference, GatewayId)
                    .WaitAsync(TimeSpan.FromSeconds(1), clock, cancellationToken);
            }
            catch (Exception e) when (ClusterCalls.IsPassing(e) || e is OperationCanceledException)
            {
                // Then it is forgotten when it is not heard from.
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Interval;
            try
            {
                reference ??= grains.CreateObjectReference<ICatalogWatcher>(this);
                var news = await grains.GetGrain<IServiceCatalogGrain>(0)
                    .Watch(reference, Describe(), Volatile.Read(ref names).Version);
                if (news is not null)
                {
                    Volatile.Write(ref names, news);
                }

                // Not by the link alone: other calls may have been answered since the cluster came back.
                if (!reached || !link.Connected)
                {
                    reached = true;
                    LogConnected(GatewayId);
                    link.Regained();
                }

                (failingSince, saidLost) = (null, false);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                var now = clock.Elapsed();
                failingSince = link.Silos > 0 ? failingSince ?? now : null;
                if (link.Connected || (!saidLost && now - failingSince > Unusual))
                {
                    saidLost = true;
                    LogLost(e.Message);
                }

                reached = false;
                link.Lost();
                pause = RetryInterval;
            }
            catch (Exception e) when (ClusterCalls.IsPassing(e) || e is OperationCanceledException)
            {
                // The process stops, and the cluster client with it.
                return;
            }

            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(3000, LogLevel.Information, "Gateway {GatewayId} reaches the cluster.")]
    private partial void LogConnected(string gatewayId);

    [LoggerMessage(3001, LogLevel.Warning,
        "The cluster does not answer ({Reason}). Requests are forwarded on the routes known; the control API answers 503 until it does.")]
    private partial void LogLost(string reason);
}
