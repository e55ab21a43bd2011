using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>What follows a change: watchers and the catalog hear of it, and leases run out.</summary>
internal sealed partial class ServiceRegistryGrain
{
    /// <summary>Until the catalog is told that there is such a service type, or no longer.</summary>
    private static readonly TimeSpan CatalogReportDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Between reports of counts alone: the catalog is one grain, and hears from all registries.</summary>
    private static readonly TimeSpan CatalogReportInterval = TimeSpan.FromMilliseconds(500);

    private RegistryVersion announced;
    private TimeSpan announcedAt = TimeSpan.MinValue / 2;
    private ServiceReport? reported;
    private TimeSpan reportedAt = TimeSpan.MinValue / 2;
    private GrainAlarm announceAlarm = null!;
    private GrainAlarm expiryAlarm = null!;
    private GrainAlarm reportAlarm = null!;

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
            Announce();
        }
    }

    private Task AnnounceNow()
    {
        lock (gate)
        {
            Announce();
        }

        return Task.CompletedTask;
    }

    private void Announce()
    {
        announcedAt = clock.Elapsed();
        var since = announced;
        announced = table!.Version;
        var follower = here.Follower is { } candidate && candidate.Follows(serviceType) ? candidate : null;
        if (follower is null && watchers.Count == 0)
        {
            return;
        }

        var changes = table.ChangesSince(since);
        follower?.OnChanges(changes);
        // One way: a watcher that does not get it sees the gap at the next.
        watchers.Notify(watcher => _ = watcher.OnChanges(changes));
    }

    private Task Expire()
    {
        IReadOnlyList<Instance> forgettable;
        lock (gate)
        {
            var before = table!.Report.Workers;
            forgettable = table.Expire(clock.Elapsed());
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
        }

        foreach (var instance in forgettable)
        {
            // One way: the worker's grain calls back here, and decides, for it knows what this registry may have
            // missed.
            _ = GrainFactory.GetGrain<IWorkerGrain>(instance.Id.Value).ForgetIfExpired(serviceType, instance.Incarnation);
        }

        return Task.CompletedTask;
    }

    private async Task ReportToCatalog()
    {
        ServiceReport report;
        lock (gate)
        {
            report = table!.Report;
            if (report == reported)
            {
                return;
            }

            reportedAt = clock.Elapsed();
        }

        await GrainFactory.GetGrain<IServiceCatalogGrain>(0).Report(report);
        lock (gate)
        {
            reported = report;
        }
    }

    [LoggerMessage(1001, LogLevel.Information, "{Expired} of {Count} workers of {ServiceType} are offline: their leases ran out.")]
    private partial void LogExpired(ServiceType serviceType, int expired, int count);

    [LoggerMessage(1002, LogLevel.Warning,
        "{Expired} of {Count} leases of {ServiceType} ran out together: these workers are degraded, not offline, until heard from.")]
    private partial void LogMassExpiry(ServiceType serviceType, int expired, int count);
}
