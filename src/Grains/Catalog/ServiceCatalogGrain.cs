using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Utilities;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Catalog;

/// <summary>
/// Holds what registries and gateways said last; asks the registries for what it may have missed. Reentrant, because it
/// waits for registries, which report to it, and one that does not answer must not keep the gateways waiting.
/// </summary>
[Reentrant]
internal sealed partial class ServiceCatalogGrain : Grain, IServiceCatalogGrain
{
    /// <summary>For each thousand of names, all of which are announced: the more there are, the less often.</summary>
    private static readonly TimeSpan AnnounceDelay = TimeSpan.FromMilliseconds(50);
    private const int RegistriesAskedAtOnce = 64;

    private readonly IWorkerStore store;
    private readonly TimeProvider clock;
    private readonly ILogger<ServiceCatalogGrain> logger;
    private readonly ObserverManager<ICatalogWatcher> watchers;
    private readonly SortedDictionary<string, ServiceReport> reports = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (GatewayInfo Gateway, TimeSpan HeardAt)> gateways = [];
    private readonly IReadOnlyList<AssignableService> assignable;
    private readonly AssignmentLedger ledger;
    private GrainAlarm announceAlarm = null!;
    private Task? loading;
    private CatalogNames names;
    private long version;

    public ServiceCatalogGrain(
        IWorkerStore store,
        TimeProvider clock,
        IOptions<AssignmentOptions> assignment,
        ILogger<ServiceCatalogGrain> logger)
    {
        assignable = assignment.Value.Catalog;
        ledger = new(assignable);
        this.store = store;
        this.clock = clock;
        this.logger = logger;
        watchers = new(IServiceCatalogGrain.GatewayLease, logger) { GetDateTime = clock.ElapsedDate };
        version = clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
        names = new(version, []);
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        announceAlarm = new(this, clock, () => watchers.Notify(watcher => watcher.OnNames(Names)));
        return Task.CompletedTask;
    }

    public Task Report(ServiceReport report)
    {
        Apply(report);
        return Task.CompletedTask;
    }

    public async Task<ServiceCatalog> List()
    {
        await Load();
        var services = reports.Values.Where(r => r.ServiceType != ServiceType.None).ToImmutableArray();
        return new(services, reports.Values.Aggregate(default(StateCounts), (sum, r) => sum + r.Primary));
    }

    public async Task<CatalogNames?> Watch(ICatalogWatcher watcher, GatewayInfo gateway, long knownVersion)
    {
        var now = clock.Elapsed();
        gateways[gateway.Id] = (gateway, now);
        foreach (var (id, _) in gateways.Where(g => now - g.Value.HeardAt > IServiceCatalogGrain.GatewayLease).ToList())
        {
            gateways.Remove(id);
        }

        watchers.Subscribe(watcher, watcher);
        await Load();
        return version == knownVersion ? null : Names;
    }

    public Task Unwatch(ICatalogWatcher watcher, string gatewayId)
    {
        watchers.Unsubscribe(watcher);
        gateways.Remove(gatewayId);
        return Task.CompletedTask;
    }

    public async Task<ImmutableArray<ServiceType>> Assign(WorkerId id, string capabilities)
    {
        await Task.WhenAll(assignable.Select(FollowRegistry));
        // From here on nothing is waited for: whoever comes next sees this decision.
        return [.. ledger.Assign(id, WorkerProfile.Of(capabilities), clock.Elapsed())];

        async Task FollowRegistry(AssignableService service, int index) => ledger.Apply(
            await GrainFactory.GetGrain<IServiceRegistryGrain>(service.Name).Changes(ledger.VersionOf(index)));
    }

    public Task<ImmutableArray<GatewayInfo>> ListGateways()
    {
        var now = clock.Elapsed();
        return Task.FromResult(gateways.Values
            .Where(g => now - g.HeardAt <= IServiceCatalogGrain.GatewayLease)
            .Select(g => g.Gateway)
            .OrderBy(g => g.Id, StringComparer.Ordinal)
            .ToImmutableArray());
    }

    public async Task Awaken()
    {
        await Load();
        // Also those that are known: a registry that was lost with its silo comes back to watch its leases.
        await Ask(reports.Values.Select(r => r.ServiceType));
    }

    private Task Load()
    {
        // One load for all who wait for it; the next caller tries again after one that failed.
        if (loading is null or { IsFaulted: true })
        {
            loading = ReadStore();
        }

        return loading;

        async Task ReadStore()
        {
            await Ask(await store.ReadServiceTypesAsync(CancellationToken.None));
            LogLoaded(reports.Count);
        }
    }

    private async Task Ask(IEnumerable<ServiceType> serviceTypes)
    {
        foreach (var some in serviceTypes.ToList().Chunk(RegistriesAskedAtOnce))
        {
            await Task.WhenAll(some.Select(AskOne));
        }

        async Task AskOne(ServiceType serviceType)
        {
            // Applied as it comes: after waiting for others, it might undo what the registry has reported meanwhile.
            Apply(await GrainFactory.GetGrain<IServiceRegistryGrain>(serviceType.Value).Count());
        }
    }

    /// <summary>Made when they are asked for: many may change at once.</summary>
    private CatalogNames Names => names.Version == version
        ? names
        : names = new(version, [.. reports.Values.Select(r => r.ServiceType).Where(t => t != ServiceType.None)]);

    private void Apply(ServiceReport report)
    {
        var key = report.ServiceType.Value;
        var changed = report.Workers.Total == 0 ? reports.Remove(key) : !reports.ContainsKey(key);
        if (report.Workers.Total > 0)
        {
            reports[key] = report;
        }

        if (changed && report.ServiceType != ServiceType.None)
        {
            version++;
            announceAlarm.Within(AnnounceDelay * (1 + (reports.Count / 1000)));
        }
    }

    [LoggerMessage(1100, LogLevel.Information, "Catalog holds {Count} service types.")]
    private partial void LogLoaded(int count);
}
