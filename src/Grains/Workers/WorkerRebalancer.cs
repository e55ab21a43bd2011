using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Core.Internal;
using WorkerMesh.Grains.Cluster;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Moves workers' grains to where their ids place them, once silos have joined: a worker that sends heartbeats stays in
/// memory, and without this a silo that is added, or the last one of a restart of one after the other, would have none of
/// those that are there already. What is known of a worker moves along (<see cref="CarriedWorker"/>).
/// </summary>
internal sealed partial class WorkerRebalancer(
    LiveWorkers workers,
    IGrainFactory grains,
    IClusterMembershipService membership,
    ILocalSiloDetails here,
    TimeProvider clock,
    IOptions<RegistryOptions> options,
    ILogger<WorkerRebalancer> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Between two pauses: 200 a second, which take a few hundredths of a processor.</summary>
    private const int MovedAtOnce = 50;

    private static readonly SiloAddress[] Nobody = [];

    private readonly TimeSpan quiet = options.Value.RebalanceDelay;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(quiet / 4, clock);
        var (settled, seen, since) = (Nobody, Nobody, clock.Elapsed());
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var active = Active();
                if (!active.SequenceEqual(seen))
                {
                    (seen, since) = (active, clock.Elapsed());
                }
                else if (!seen.SequenceEqual(settled) && clock.Elapsed() - since >= quiet)
                {
                    // Where silos have only gone, their workers have come back spread over the rest.
                    var joined = seen.Except(settled).ToArray();
                    if (joined.Length == 0 || await Settle(seen, joined, stoppingToken))
                    {
                        settled = seen;
                    }
                    else
                    {
                        since = clock.Elapsed();
                    }
                }
            }
        }
        catch (Exception e) when (
            stoppingToken.IsCancellationRequested && e is OperationCanceledException or OrleansException)
        {
            // The silo stops, also in the middle of a call.
        }
    }

    /// <returns>False where it was not finished.</returns>
    private async Task<bool> Settle(SiloAddress[] silos, SiloAddress[] joined, CancellationToken stoppingToken)
    {
        var moved = 0;
        try
        {
            foreach (var grain in workers.All.Where(w => w.Record is not null).Select(w => grains.GetGrain<IWorkerGrain>(w.Id.Value)))
            {
                if (PlaceOf(grain, silos) == here.SiloAddress)
                {
                    continue;
                }

                if (moved > 0 && moved % MovedAtOnce == 0)
                {
                    await Task.Delay(Pause, clock, stoppingToken);
                    if (!Active().SequenceEqual(silos))
                    {
                        LogLeft(moved);
                        return false;
                    }
                }

                await grain.AsReference<IGrainManagementExtension>().MigrateOnIdle(stoppingToken);
                moved++;
            }

            if (moved > 0)
            {
                LogSettled(moved, joined.Length);
            }

            return true;
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            LogFailed(e, moved);
            return false;
        }
    }

    /// <summary>In the order that Orleans' hash-based placement has them.</summary>
    private SiloAddress[] Active() => [.. membership.FindActive().Order()];

    /// <summary>
    /// What Orleans' hash-based placement would choose. It is asked again where that is another silo; here it saves the
    /// calls to all that are in their places.
    /// </summary>
    private static SiloAddress PlaceOf(IWorkerGrain worker, SiloAddress[] silos) =>
        silos[(int)(worker.GetGrainId().GetUniformHashCode() & int.MaxValue) % silos.Length];

    [LoggerMessage(1410, LogLevel.Information, "Silos have joined ({Joined}): {Moved} workers moved to where their ids place them.")]
    private partial void LogSettled(int moved, int joined);

    [LoggerMessage(1411, LogLevel.Information, "Silos have come or gone while workers moved, {Moved} by then; begun again later.")]
    private partial void LogLeft(int moved);

    [LoggerMessage(1412, LogLevel.Warning, "After {Moved} workers moved, one could not be asked to; begun again later.")]
    private partial void LogFailed(Exception exception, int moved);
}
