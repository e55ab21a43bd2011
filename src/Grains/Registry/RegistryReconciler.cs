using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Cluster;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// Compares the registries of this silo with the store once another silo has gone: what that one had stored, and told no
/// registry before it went, nobody else knows. Where they differ the worker's grain, which reads the store, tells the
/// registry what is true.
/// </summary>
internal sealed partial class RegistryReconciler(
    LocalRegistries registries,
    IWorkerStore store,
    IGrainFactory grains,
    IClusterMembershipService membership,
    TimeProvider clock,
    ILogger<RegistryReconciler> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Until a registry is compared again that differed, or could not be compared.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(5);

    /// <summary>
    /// What a grain is asked for here is not answered, so it is looked whether it was done; where registrations keep
    /// coming something may differ at any time.
    /// </summary>
    private const int Looks = 3;

    /// <summary>Grains asked in one go: they come into memory for it.</summary>
    private const int AskedAtOnce = 50;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        HashSet<SiloAddress> active = [];
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                // One that stops in order still writes while it does.
                var members = membership.CurrentSnapshot.Members;
                var gone = active.RemoveWhere(
                    silo => !members.TryGetValue(silo, out var member) || member.Status == SiloStatus.Dead);
                active.UnionWith(membership.FindActive());
                if (gone > 0)
                {
                    await CompareAll(stoppingToken);
                }
            }
        }
        catch (Exception e) when (
            stoppingToken.IsCancellationRequested && e is OperationCanceledException or OrleansException)
        {
            // The silo stops, also in the middle of a call.
        }
    }

    /// <summary>Those that are in memory; one that comes into memory later reads the store then.</summary>
    private async Task CompareAll(CancellationToken stoppingToken)
    {
        var left = registries.Types;
        var failing = false;
        for (var look = 1; left.Count > 0; look++)
        {
            List<ServiceType> again = [];
            foreach (var type in left)
            {
                try
                {
                    if (!await IsAsStored(type, stoppingToken) && look < Looks)
                    {
                        again.Add(type);
                    }
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    again.Add(type);
                    if (!failing)
                    {
                        failing = true;
                        LogFailed(e, type);
                    }
                }
            }

            left = again;
            if (left.Count > 0)
            {
                await Task.Delay(LookAgain, clock, stoppingToken);
            }
        }
    }

    private async Task<bool> IsAsStored(ServiceType type, CancellationToken stoppingToken)
    {
        if (registries.HeldBy(type) is not { } before)
        {
            return false;
        }

        var stored = new Dictionary<WorkerId, HeldRecord>();
        await foreach (var page in store.ReadPagesAsync(type, stoppingToken))
        {
            foreach (var record in page)
            {
                stored[record.Id] = new(record.Incarnation, record.Draining);
            }
        }

        // Most of what was changed while the store was read is known by now.
        if (registries.HeldBy(type) is not { } held)
        {
            return false;
        }

        var untold = stored.Where(s => !held.TryGetValue(s.Key, out var known) || known.IsBehind(s.Value)).Select(s => s.Key).ToList();
        var left = before.Where(b => !stored.ContainsKey(b.Key) && held.GetValueOrDefault(b.Key) == b.Value).ToList();
        if (untold.Count + left.Count == 0)
        {
            return true;
        }

        LogDiffering(type, untold.Count + left.Count);
        await AskEach(untold, id => grains.GetGrain<IWorkerGrain>(id.Value).Rejoin(type));
        await AskEach(left, one => grains.GetGrain<IWorkerGrain>(one.Key.Value).ForgetIfExpired(type, one.Value.Incarnation));
        return false;
    }

    private static async Task AskEach<T>(IEnumerable<T> workers, Func<T, Task> ask)
    {
        foreach (var some in workers.Chunk(AskedAtOnce))
        {
            await Task.WhenAll(some.Select(ask));
        }
    }

    [LoggerMessage(1010, LogLevel.Information,
        "After a silo has gone {Count} workers of {ServiceType} were stored otherwise than the registry knew; it is told.")]
    private partial void LogDiffering(ServiceType serviceType, int count);

    [LoggerMessage(1011, LogLevel.Warning,
        "After a silo has gone the registry of {ServiceType} could not be compared with the store; tried again every 5 s.")]
    private partial void LogFailed(Exception exception, ServiceType serviceType);
}
