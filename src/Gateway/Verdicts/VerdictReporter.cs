using System.Collections.Concurrent;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Verdicts;

/// <summary>
/// Lets the other gateways know, through a worker's grain, that this one can't connect to it, and that it can again.
/// Beside the requests, which only leave a note: the last verdict on a worker counts, each is sent at most so often,
/// and where too many wait or the silos do not answer they are dropped. A verdict that is lost is made again by the
/// next request, or expires.
/// </summary>
internal sealed partial class VerdictReporter(
    IGrainFactory grains, GatewayPresence here, TimeProvider clock, ILogger<VerdictReporter> logger) : BackgroundService
{
    /// <summary>The most workers of which a verdict waits.</summary>
    private const int MostWaiting = 1000;
    private const int AtOnce = 16;

    /// <summary>How long verdicts gather. Many requests fail at a worker in the same moment.</summary>
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<WorkerId, Verdict> waiting = new();
    private readonly SemaphoreSlim wake = new(0, 1);

    /// <summary>No connection to any URL of a worker.</summary>
    public void Unreachable(Instance instance, TimeSpan now)
    {
        if (instance.Link.MayReport(reached: false, now))
        {
            Add(instance, reached: false);
        }
    }

    /// <summary>A worker answered; nothing to do unless some gateway says that it can't be reached.</summary>
    public void Reached(Instance instance)
    {
        if (instance.Link.IsUnreachable && instance.Link.MayReport(reached: true, clock.Elapsed()))
        {
            Add(instance, reached: true);
        }
    }

    public override void Dispose()
    {
        wake.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await wake.WaitAsync(stoppingToken);
                await Task.Delay(Gather, clock, stoppingToken);
                await Parallel.ForEachAsync(
                    waiting.Keys.ToList(),
                    new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken },
                    async (id, _) => await Send(id));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private void Add(Instance instance, bool reached)
    {
        var id = instance.Link.Id;
        if (waiting.Count >= MostWaiting && !waiting.ContainsKey(id))
        {
            return;
        }

        waiting[id] = new(here.GatewayId, instance.Info.Incarnation, reached);
        try
        {
            wake.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // It is about to run, or the gateway stops.
        }
    }

    private async Task Send(WorkerId id)
    {
        if (!waiting.TryRemove(id, out var verdict))
        {
            return;
        }

        try
        {
            await grains.GetGrain<IWorkerGrain>(id.Value).Judge(verdict);
        }
        catch (Exception e)
        {
            // Whatever it was: it is said again by the next request, or not worth saying any more.
            LogLost(id.Value, e.Message);
        }
    }

    [LoggerMessage(3400, LogLevel.Debug, "A verdict on worker {Worker} did not reach its grain ({Reason}).")]
    private partial void LogLost(string worker, string reason);
}
