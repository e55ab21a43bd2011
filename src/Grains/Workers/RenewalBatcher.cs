using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Carries the renewals of a silo's workers to the registries: one message per service type each interval. One that
/// changes routing goes at once, together with what else waits for that service type; while a message is on its way the
/// next ones gather, so that a registry never has more than one from a silo, however many workers come back together.
/// </summary>
internal sealed partial class RenewalBatcher(
    LocalRegistries registries,
    RegistryLanes memberships,
    RenewalDetour detour,
    IGrainFactory grains,
    TimeProvider clock,
    IOptions<RegistryOptions> options,
    ILogger<RenewalBatcher> logger) : BackgroundService
{
    /// <summary>How long lanes are kept that nothing goes through, at least.</summary>
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private readonly LaneTable<RenewalLane> lanes = new(key => new(
        key, registries, detour, grains, clock, (exception, type, count) => LogFailed(logger, exception, type, count)));

    /// <summary>Sends it with the next batch.</summary>
    public void Enqueue(ServiceType key, WorkerId id, long incarnation, in Liveness liveness) => lanes.Use(
        key, new PendingRenewal(id, incarnation, liveness), static (lane, renewal) => lane.TryAdd(renewal) ? lane : null);

    /// <summary>
    /// Sends it now. The task ends when the registry has it, and fails if that call fails; it is then sent again all
    /// the same.
    /// </summary>
    public Task<RegistryVersion> Announce(ServiceType key, WorkerId id, long incarnation, in Liveness liveness) => lanes.Use(
        key, new PendingRenewal(id, incarnation, liveness), static (lane, renewal) => lane.TryAnnounce(renewal));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.RenewalInterval, clock);
        try
        {
            for (var sweptAt = clock.Elapsed(); await timer.WaitForNextTickAsync(stoppingToken);)
            {
                foreach (var lane in lanes.All)
                {
                    lane.Flush();
                }

                if (clock.Elapsed() - sweptAt >= SweepInterval)
                {
                    sweptAt = clock.Elapsed();
                    lanes.Sweep();
                    memberships.Sweep();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops; its workers' grains move, and their next heartbeats renew from there.
        }
    }

    [LoggerMessage(1300, LogLevel.Warning, "{Count} renewals did not reach the registry of {ServiceType}; sent again.")]
    private static partial void LogFailed(ILogger logger, Exception exception, ServiceType serviceType, int count);
}
