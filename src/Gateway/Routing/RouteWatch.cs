using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Probing;
using WorkerMesh.Grains.Networking;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// Keeps one route current: asks its registry for what is new, which also renews the subscription to its pushes, every
/// few seconds and at once when something may have been missed.
/// </summary>
/// <param name="route">The route.</param>
/// <param name="reference">What is to be pushed to; null where the registry is followed (<see cref="IRegistryFollower"/>).</param>
/// <param name="grains">Reaches the registry.</param>
/// <param name="link">Hears that it answered.</param>
/// <param name="prober">Looks at what is new.</param>
/// <param name="clock">Tells the time.</param>
/// <param name="logger">The log of the routes.</param>
internal sealed partial class RouteWatch(
    Route route,
    Func<IRegistryWatcher>? reference,
    IGrainFactory grains,
    ClusterLink link,
    CandidateProber prober,
    TimeProvider clock,
    ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource ended = new();
    private readonly SemaphoreSlim wake = new(0, 1);
    private Task running = Task.CompletedTask;

    public void Start(CancellationToken stoppingToken) => running = Run(stoppingToken);

    /// <summary>Asks now rather than at the next interval. Asking twice before it runs is asking once.</summary>
    public void AskNow()
    {
        try
        {
            wake.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // It is about to run, or over.
        }
    }

    /// <summary>Ends the subscription and drops the route.</summary>
    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        await running;
        route.Dispose();
        try
        {
            await (reference is null ? Task.CompletedTask : Registry.Unwatch(reference()));
        }
        catch (Exception e) when (ClusterCalls.IsPassing(e))
        {
            // Then the subscription ends by itself.
        }

        ended.Dispose();
        wake.Dispose();
    }

    private IServiceRegistryGrain Registry => grains.GetGrain<IServiceRegistryGrain>(route.ServiceType.Value);

    private async Task Run(CancellationToken stoppingToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, ended.Token);
        var retry = FirstRetry;
        await PoolThread.Enter();
        while (!either.IsCancellationRequested)
        {
            TimeSpan pause;
            try
            {
                var known = route.Snapshot?.Version;
                var news = await (reference is null ? Registry.Changes(known) : Registry.Watch(reference(), known));
                var understood = route.Apply(news, isAnswer: true);
                prober.Look(route, news);
                link.Answered();
                retry = FirstRetry;
                // Spread, so that a gateway with 1,000 routes does not ask for all at one moment.
                pause = understood ? Interval * (0.75 + (Random.Shared.NextDouble() * 0.5)) : FirstRetry;
            }
            catch (Exception e) when (!either.IsCancellationRequested)
            {
                LogFailed(route.ServiceType.Value, e.Message);
                pause = retry;
                retry = retry * 2 < LongestRetry ? retry * 2 : LongestRetry;
            }

            await Pause(pause, either.Token);
        }
    }

    private async Task Pause(TimeSpan pause, CancellationToken cancellationToken)
    {
        using var slept = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var timer = clock.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), slept, pause, Timeout.InfiniteTimeSpan);
        try
        {
            await wake.WaitAsync(slept.Token);
        }
        catch (OperationCanceledException)
        {
            // Slept the whole pause, or the route ends.
        }
    }

    [LoggerMessage(3110, LogLevel.Debug, "The registry of {ServiceType} does not answer ({Reason}); asked again.")]
    private partial void LogFailed(string serviceType, string reason);
}
