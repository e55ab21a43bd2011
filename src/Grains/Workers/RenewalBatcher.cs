using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Carries the renewals of a silo's workers to the registries: one message per service type each interval. One that
/// changes routing goes at once, together with what else waits for that service type; while a message is on its way the
/// next ones gather, so that a registry never has more than one from a silo, however many workers come back together.
/// </summary>
internal sealed partial class RenewalBatcher(
    LocalRegistries registries,
    IGrainFactory grains,
    TimeProvider clock,
    IOptions<RegistryOptions> options,
    ILogger<RenewalBatcher> logger) : BackgroundService
{
    /// <summary>One lane for each service type that a worker of this silo offers.</summary>
    private readonly ConcurrentDictionary<ServiceType, RenewalLane> lanes = new();

    /// <summary>Sends it with the next batch.</summary>
    public void Enqueue(ServiceType key, WorkerId id, long incarnation, in Liveness liveness) =>
        LaneOf(key).Add(new(id, incarnation, liveness));

    /// <summary>
    /// Sends it now. The task ends when the registry has it, and fails if that call fails; it is then sent again all
    /// the same.
    /// </summary>
    public Task<RegistryVersion> Announce(ServiceType key, WorkerId id, long incarnation, in Liveness liveness) =>
        LaneOf(key).Announce(new(id, incarnation, liveness));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.RenewalInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                foreach (var lane in lanes.Values)
                {
                    lane.Flush();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops; its workers' grains move, and their next heartbeats renew from there.
        }
    }

    private RenewalLane LaneOf(ServiceType key) =>
        lanes.TryGetValue(key, out var lane) ? lane : lanes.GetOrAdd(key, k => new(k, registries, grains, clock, LogFailed));

    [LoggerMessage(1300, LogLevel.Warning, "{Count} renewals did not reach the registry of {ServiceType}; sent again.")]
    private partial void LogFailed(Exception exception, ServiceType serviceType, int count);
}
