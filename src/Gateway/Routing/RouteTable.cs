using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// The routes of the service types that this gateway is asked for, each kept current by a watch on its registry grain
/// and dropped when nobody asks any more. With every silo gone, what is known goes on being served.
/// </summary>
internal sealed partial class RouteTable : BackgroundService, IRegistryWatcher, IRegistryFollower
{
    private static readonly TimeSpan LongestSweepInterval = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Watched> routes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Watched>.AlternateLookup<ReadOnlySpan<char>> byName;
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock makingRoom = new();
    private readonly IGrainFactory grains;
    private readonly ClusterLink link;
    private readonly GatewayPresence presence;
    private readonly TimeProvider clock;
    private readonly GatewayOptions options;
    private readonly IReadOnlyDictionary<string, string> shortNames;
    private readonly ILogger<RouteTable> logger;
    private readonly LocalRegistries? registries;
    private readonly Probing.CandidateProber prober;
    private IRegistryWatcher? reference;

    public RouteTable(
        IGrainFactory grains,
        ClusterLink link,
        GatewayPresence presence,
        Probing.CandidateProber prober,
        TimeProvider clock,
        IOptions<GatewayOptions> options,
        IOptions<AssignmentOptions> assignment,
        ILogger<RouteTable> logger,
        LocalRegistries? registries = null)
    {
        this.grains = grains;
        this.link = link;
        this.presence = presence;
        this.prober = prober;
        this.clock = clock;
        this.options = options.Value;
        shortNames = assignment.Value.Aliases;
        this.logger = logger;
        this.registries = registries;
        byName = routes.GetAlternateLookup<ReadOnlySpan<char>>();
        link.Disturbed += AskAll;
        registries?.Follower = this;
    }

    public WorkerLinks Links { get; } = new();

    /// <summary>The routes that are known, for reports.</summary>
    public IEnumerable<Route> All => routes.Values.Select(w => w.Route);

    /// <summary>
    /// The route of a service type that was asked for before; null otherwise. The way of almost every request.
    /// </summary>
    public Route? Find(ReadOnlySpan<char> serviceType)
    {
        if (byName.TryGetValue(serviceType, out var watched) && watched.Route.Snapshot is not null)
        {
            watched.Route.Use(clock.Elapsed());
            return watched.Route;
        }

        return null;
    }

    /// <summary>The route of a service type, watched from now on if it was not yet.</summary>
    /// <exception cref="ClusterUnavailableException">
    /// It was not known, and no silo answered in time, or there is no room for it.
    /// </exception>
    public async ValueTask<Route> Get(ServiceType serviceType, CancellationToken cancellationToken)
    {
        if (Find(serviceType.Value) is { } known)
        {
            return known;
        }

        var watched = routes.TryGetValue(serviceType.Value, out var started) ? started : Start(serviceType);
        watched.Route.Use(clock.Elapsed());
        try
        {
            await watched.Route.Ready.WaitAsync(options.FirstSnapshotTimeout, clock, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new ClusterUnavailableException($"No silo answered for service type '{serviceType}'.", e);
        }

        return watched.Route;
    }

    bool IRegistryFollower.Follows(ServiceType serviceType) => routes.ContainsKey(serviceType.Value);

    void IRegistryFollower.OnChanges(InstanceChanges changes)
    {
        try
        {
            Apply(changes);
        }
        // Who registers is not to pay for it. The gap is seen at the next change, or when the route is asked for again.
        catch (Exception e)
        {
            LogNotApplied(e, changes.ServiceType);
        }
    }

    public Task OnChanges(InstanceChanges changes)
    {
        Apply(changes);
        return Task.CompletedTask;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        link.Disturbed -= AskAll;
        stopping.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan[] intervals = [options.RouteIdleTimeout / 2, options.UnservedRouteIdleTimeout / 2, LongestSweepInterval];
        using var timer = new PeriodicTimer(intervals.Min(), clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                DropIdle();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private void Apply(InstanceChanges changes)
    {
        if (routes.TryGetValue(changes.ServiceType.Value, out var watched))
        {
            if (watched.Route.Apply(changes, isAnswer: false))
            {
                prober.Look(watched.Route, changes);
            }
            else
            {
                watched.Watch.AskNow();
            }
        }
    }

    private Watched Start(ServiceType serviceType)
    {
        if (routes.Count >= options.MaxRoutes)
        {
            MakeRoom(serviceType);
        }

        var route = new Route(serviceType, Links, clock, RouteSettings.Of(serviceType, options));
        var made = new Watched(route, new RouteWatch(route, registries is null ? Reference : null, grains, link, prober, clock, logger));
        var watched = routes.GetOrAdd(serviceType.Value, made);
        if (watched == made)
        {
            watched.Watch.Start(stopping.Token);
        }

        return watched;
    }

    /// <summary>
    /// Drops routes that nobody serves, for a service type that the catalog lists or a short name: who asks for names at
    /// random is not to keep others from theirs, nor to have a registry made for each.
    /// </summary>
    /// <exception cref="ClusterUnavailableException">There is no room.</exception>
    private void MakeRoom(ServiceType wanted)
    {
        if (IsShortName(wanted) || presence.Knows(wanted))
        {
            lock (makingRoom)
            {
                // Many at once, for to find them takes a look at all; not again for each who has waited.
                var tooMany = routes.Count < options.MaxRoutes ? 0 : 1 + (options.MaxRoutes / 8);
                var unserved = routes.Values.Where(w => IsUnserved(w.Route) && !w.Route.Held);
                foreach (var watched in unserved.OrderBy(w => w.Route.UsedAt).Take(tooMany).ToList())
                {
                    Drop(watched);
                }
            }

            if (routes.Count < options.MaxRoutes)
            {
                return;
            }
        }

        throw new ClusterUnavailableException(
            $"This gateway watches {options.MaxRoutes} service types already (Gateway:MaxRoutes), and '{wanted}' is none of them.");
    }

    /// <summary>Whether nobody offers it, and it is not what others are called for short.</summary>
    private bool IsUnserved(Route route) => route.Snapshot is { All.Length: 0 } && !IsShortName(route.ServiceType);

    private bool IsShortName(ServiceType name) => shortNames.ContainsKey(name.Value);

    private void Drop(Watched watched)
    {
        if (routes.TryRemove(KeyValuePair.Create(watched.Route.ServiceType.Value, watched)))
        {
            LogDropped(watched.Route.ServiceType);
            _ = watched.Watch.DisposeAsync().AsTask();
        }
    }

    /// <summary>One observer for all routes: the messages name their service type.</summary>
    private IRegistryWatcher Reference()
    {
        return LazyInitializer.EnsureInitialized(ref reference, () => grains.CreateObjectReference<IRegistryWatcher>(this));
    }

    private void AskAll()
    {
        foreach (var watched in routes.Values)
        {
            watched.Watch.AskNow();
        }
    }

    private void DropIdle()
    {
        if (!link.Connected)
        {
            // What is dropped now could not be had again.
            return;
        }

        var now = clock.Elapsed();
        foreach (var watched in routes.Values)
        {
            var longest = IsUnserved(watched.Route) ? options.UnservedRouteIdleTimeout : options.RouteIdleTimeout;
            if (!watched.Route.Held && now - watched.Route.UsedAt > longest)
            {
                Drop(watched);
            }
        }
    }

    [LoggerMessage(3100, LogLevel.Debug, "Nobody asks for {ServiceType} any more; its route is dropped.")]
    private partial void LogDropped(ServiceType serviceType);

    [LoggerMessage(3101, LogLevel.Error, "Changes of {ServiceType} were not applied to its route.")]
    private partial void LogNotApplied(Exception exception, ServiceType serviceType);

    private sealed record Watched(Route Route, RouteWatch Watch);
}
