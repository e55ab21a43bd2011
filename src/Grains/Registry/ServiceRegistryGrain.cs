using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Placement;
using Orleans.Utilities;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>Loads an <see cref="InstanceTable"/>, feeds it what it is told, and announces what changed.</summary>
[HashBasedPlacement]
internal sealed partial class ServiceRegistryGrain : Grain, IServiceRegistryGrain
{
    /// <summary>Until the catalog is told that there is such a service type, or no longer.</summary>
    private static readonly TimeSpan CatalogReportDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Between reports of counts alone: the catalog is one grain, and hears from all registries.</summary>
    private static readonly TimeSpan CatalogReportInterval = TimeSpan.FromMilliseconds(500);

    private readonly IWorkerStore store;
    private readonly TimeProvider clock;
    private readonly RegistryOptions options;
    private readonly LocalRegistries here;
    private readonly ILogger<ServiceRegistryGrain> logger;
    private readonly ObserverManager<IRegistryWatcher> watchers;
    private ServiceType serviceType;
    private InstanceTable? table;
    private Task<InstanceTable>? loading;
    private RegistryVersion announced;
    private TimeSpan announcedAt = TimeSpan.MinValue / 2;
    private ServiceReport? reported;
    private TimeSpan reportedAt = TimeSpan.MinValue / 2;
    private GrainAlarm announceAlarm = null!;
    private GrainAlarm expiryAlarm = null!;
    private GrainAlarm reportAlarm = null!;

    public ServiceRegistryGrain(
        IWorkerStore store,
        TimeProvider clock,
        IOptions<RegistryOptions> options,
        LocalRegistries here,
        ILogger<ServiceRegistryGrain> logger)
    {
        this.here = here;
        this.store = store;
        this.clock = clock;
        this.options = options.Value;
        this.logger = logger;
        watchers = new(this.options.WatchExpiry, logger) { GetDateTime = () => clock.GetUtcNow().UtcDateTime };
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        serviceType = ServiceType.ParseKey(this.GetPrimaryKeyString());
        announceAlarm = new(this, clock, Announce);
        expiryAlarm = new(this, clock, Expire);
        reportAlarm = new(this, clock, ReportToCatalog, interleave: true);
        here.Enter(serviceType, this);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        here.Leave(serviceType, this);
        return Task.CompletedTask;
    }

    public async Task<RegistryVersion> Join(Joining joining)
    {
        var instances = await Load();
        instances.Join(joining, clock.Elapsed());
        return Changed(instances);
    }

    public async Task<RenewalAnswer> Renew(ImmutableArray<Renewal> renewals)
    {
        var instances = await Load();
        var now = clock.Elapsed();
        var unknown = ImmutableArray.CreateBuilder<WorkerId>();
        foreach (var renewal in renewals)
        {
            if (!instances.Renew(renewal, now))
            {
                unknown.Add(renewal.Id);
            }
        }

        return new(Changed(instances), unknown.DrainToImmutable());
    }

    public async Task<RegistryVersion> Leave(WorkerId id, long incarnation)
    {
        var instances = await Load();
        instances.Leave(id, incarnation);
        return Changed(instances);
    }

    public async Task<RegistryVersion> JoinOrLeave(ImmutableArray<MembershipChange> changes)
    {
        var instances = await Load();
        var now = clock.Elapsed();
        foreach (var change in changes)
        {
            if (change.Joining is { } joining)
            {
                instances.Join(joining, now);
            }
            else
            {
                instances.Leave(change.Id, change.Incarnation);
            }
        }

        return Changed(instances);
    }

    public async Task<InstanceChanges> Watch(IRegistryWatcher watcher, RegistryVersion? known)
    {
        var instances = await Load();
        watchers.Subscribe(watcher, watcher);
        return instances.ChangesSince(known);
    }

    public Task Unwatch(IRegistryWatcher watcher)
    {
        watchers.Unsubscribe(watcher);
        return Task.CompletedTask;
    }

    public async Task<bool> IsSuspected(WorkerId id, long incarnation) => (await Load()).IsSuspected(id, incarnation);

    public async Task<InstanceChanges> Changes(RegistryVersion? known) => (await Load()).ChangesSince(known);

    public async Task<TimeSpan?> HeardAgo(WorkerId id, long incarnation) =>
        (await Load()).HeardAgo(id, incarnation, clock.Elapsed());

    public async Task<ImmutableArray<Heard>> LastHeard() => (await Load()).LastHeard(clock.Elapsed());

    public async Task<ServiceReport> Count() => (await Load()).Report;

    private ValueTask<InstanceTable> Load()
    {
        if (table is not null)
        {
            return new(table);
        }

        // One read for all calls that wait for it, because the read-only ones run side by side: another would replace a
        // table that has been told of things since. The next call tries again after one that failed.
        if (loading is null or { IsFaulted: true })
        {
            loading = ReadStore();
        }

        return new(loading);

        async Task<InstanceTable> ReadStore()
        {
            // Above the versions of any activation before: nobody makes a million changes a second for long.
            var firstVersion = clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
            var loaded = new InstanceTable(serviceType, Random.Shared.NextInt64(1, long.MaxValue), firstVersion, options);
            const int pageSize = 1000;
            WorkerId? after = null;
            do
            {
                var page = await store.ReadPageAsync(new(pageSize, after, serviceType), CancellationToken.None);
                var now = clock.Elapsed();
                foreach (var record in page)
                {
                    // A lease of grace: nothing was heard of it here yet, which says nothing about the worker.
                    loaded.Join(new(record, new Liveness(now).ToRenewal(record.Id, record.Incarnation, now)), now);
                }

                after = page.Count == pageSize ? page[^1].Id : null;
            }
            while (after is not null);

            table = loaded;
            announced = loaded.Version;
            LogLoaded(serviceType, loaded.Count);
            Changed(loaded);
            return loaded;
        }
    }

    private RegistryVersion Changed(InstanceTable instances)
    {
        if (instances.Version != announced)
        {
            AnnounceSoon();
        }

        if (instances.Report != reported)
        {
            ReportSoon(instances.Report);
        }

        if (instances.NextDeadline is { } deadline)
        {
            expiryAlarm.At(deadline);
        }

        return instances.Version;
    }

    private void ReportSoon(ServiceReport report)
    {
        var soon = clock.Elapsed() + CatalogReportDelay;
        var isNews = report.Workers.Total > 0 != reported?.Workers.Total > 0;
        var later = reportedAt + CatalogReportInterval;
        reportAlarm.At(isNews || later < soon ? soon : later);
    }

    /// <summary>At once after a pause; while changes keep coming, together with those of <see cref="RegistryOptions.AnnounceDelay"/>.</summary>
    private void AnnounceSoon()
    {
        var wait = announcedAt + options.AnnounceDelay - clock.Elapsed();
        if (wait > TimeSpan.Zero)
        {
            announceAlarm.Within(wait);
        }
        else
        {
            // One way: a watcher that does not get it sees the gap at the next.
            _ = Announce();
        }
    }

    private Task Announce()
    {
        announcedAt = clock.Elapsed();
        var since = announced;
        announced = table!.Version;
        if (watchers.Count == 0)
        {
            return Task.CompletedTask;
        }

        var changes = table.ChangesSince(since);
        return watchers.Notify(watcher => watcher.OnChanges(changes));
    }

    private Task Expire()
    {
        var before = table!.Report.Workers;
        foreach (var instance in table.Expire(clock.Elapsed()))
        {
            // One way: the worker's grain calls back here, and decides, for it knows what this registry may have
            // missed.
            _ = GrainFactory.GetGrain<IWorkerGrain>(instance.Id.Value).ForgetIfExpired(serviceType, instance.Incarnation);
        }

        var after = table.Report.Workers;
        if (after.Degraded > before.Degraded)
        {
            LogMassExpiry(serviceType, after.Degraded - before.Degraded, table.Count);
        }
        else if (after.Offline > before.Offline)
        {
            LogExpired(serviceType, after.Offline - before.Offline, table.Count);
        }

        Changed(table);
        return Task.CompletedTask;
    }

    private async Task ReportToCatalog()
    {
        var report = table!.Report;
        if (report == reported)
        {
            return;
        }

        reportedAt = clock.Elapsed();
        await GrainFactory.GetGrain<IServiceCatalogGrain>(0).Report(report);
        reported = report;
    }

    [LoggerMessage(1000, LogLevel.Information, "Registry of {ServiceType} holds {Count} workers from the store.")]
    private partial void LogLoaded(ServiceType serviceType, int count);

    [LoggerMessage(1001, LogLevel.Information, "{Expired} of {Count} workers of {ServiceType} are offline: their leases ran out.")]
    private partial void LogExpired(ServiceType serviceType, int expired, int count);

    [LoggerMessage(1002, LogLevel.Warning,
        "{Expired} of {Count} leases of {ServiceType} ran out together: these workers are degraded, not offline, until heard from.")]
    private partial void LogMassExpiry(ServiceType serviceType, int expired, int count);
}
