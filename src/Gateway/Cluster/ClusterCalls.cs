using Orleans.Runtime.Messaging;
using WorkerMesh.Grains.Networking;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Calls to grains, repeated while silos come and go. All calls are safe to repeat: reads are, and writes carry an
/// operation id or say what must be so, not what must change.
/// </summary>
internal sealed class ClusterCalls(IGrainFactory grains, ClusterLink link, TimeProvider clock)
{
    /// <summary>
    /// A killed silo is found in about 1 s and a hung one in 5 s; what it held answers elsewhere soon after.
    /// </summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(9);

    /// <summary>With no connection to any silo there is less to wait for.</summary>
    private static readonly TimeSpan StrandedDeadline = TimeSpan.FromSeconds(2);
    private const int FirstPauseMs = 50;
    private const int LongestPauseMs = 400;

    /// <summary>So that it is not asked before each call: to make a reference takes reflection.</summary>
    private volatile bool knewGrains;

    /// <summary>Makes a call until it is answered.</summary>
    /// <param name="call">
    /// The call; is told which attempt it is, from 1. Has to see to it that grains are called in the thread pool.
    /// </param>
    /// <param name="cancellationToken">The client went away.</param>
    /// <exception cref="ClusterUnavailableException">
    /// Not answered within 9 s, or 2 s without a connection to any silo.
    /// </exception>
    public async Task<T> Call<T>(Func<IGrainFactory, int, Task<T>> call, CancellationToken cancellationToken)
    {
        var start = clock.Elapsed();
        var pause = FirstPauseMs;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var siloLost = link.SiloLost;
                var answering = call(grains, attempt);
                var left = Deadline - (clock.Elapsed() - start);
                await Task.WhenAny(answering, siloLost)
                    .WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, cancellationToken);
                if (answering.IsCompleted)
                {
                    var answer = await answering;
                    link.Answered();
                    return answer;
                }

                // It may be on its way to the silo that went. Made again at once; whichever it was, it counts once.
                continue;
            }
            // A client that has not heard from a silo which grains there are takes them for a mistake of its caller. What is
            // cancelled, and not by the caller, was on its way through a silo that went.
            catch (Exception e) when (
                IsPassing(e)
                || (e is ArgumentException && !KnowsGrains())
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                var deadline = link.Stranded ? StrandedDeadline : Deadline;
                if (clock.Elapsed() - start + TimeSpan.FromMilliseconds(pause) >= deadline)
                {
                    throw new ClusterUnavailableException($"No silo answered within {deadline.TotalSeconds:0} s.", e);
                }
            }
            catch (StoreUnavailableException e) when (e.NotBegun && clock.Elapsed() - start < StrandedDeadline)
            {
                // Nothing was done, and the queue may be shorter by now.
            }

            // Jitter, so that the gateways that lost the same silo do not come back together.
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(pause / 2, pause)), clock, cancellationToken);
            pause = Math.Min(pause * 2, LongestPauseMs);
        }
    }

    /// <summary>The same, in the thread pool.</summary>
    public async Task<T> Call<T>(Func<IGrainFactory, Task<T>> call, CancellationToken cancellationToken)
    {
        await PoolThread.Enter();
        return await Call((factory, _) => call(factory), cancellationToken);
    }

    /// <summary>
    /// Makes a call that there is another way for: once, and once more only where it was in flight when a silo went.
    /// </summary>
    /// <returns>The default value where it was not answered, or this client has not reached a silo yet.</returns>
    public async Task<T?> CallOnce<T>(Func<IGrainFactory, Task<T>> call)
    {
        if (!knewGrains && !(knewGrains = KnowsGrains()))
        {
            return default;
        }

        await PoolThread.Enter();
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            try
            {
                var siloLost = link.SiloLost;
                var answering = call(grains);
                await Task.WhenAny(answering, siloLost);
                if (answering.IsCompleted)
                {
                    var answer = await answering;
                    link.Answered();
                    return answer;
                }
            }
            // A silo of an earlier version may not know the grain that was called.
            catch (Exception e) when (IsPassing(e) || e is OrleansException or ArgumentException or OperationCanceledException)
            {
                return default;
            }
        }

        return default;
    }

    /// <summary>The same, where the answer is not worth waiting for any longer.</summary>
    public async Task<T?> CallOnce<T>(Func<IGrainFactory, Task<T>> call, TimeSpan patience)
    {
        try
        {
            return await CallOnce(call).WaitAsync(patience, clock);
        }
        catch (TimeoutException)
        {
            return default;
        }
    }

    /// <summary>
    /// Whether the client has heard from a silo which grains there are. The services of a silo can be called without that,
    /// but a client that has not started fails on a null reference then.
    /// </summary>
    private bool KnowsGrains()
    {
        try
        {
            grains.GetGrain<IWorkerGrain>("any");
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether the call may succeed when it is made again: the silo went, does not answer, has too much to do, or was not
    /// the right one.
    /// </summary>
    public static bool IsPassing(Exception e) => e is
        TimeoutException
        or OrleansMessageRejectionException
        or SiloUnavailableException
        or ConnectionFailedException
        or ClientNotAvailableException
        or ObjectDisposedException
        or GatewayTooBusyException
        or StaleOwnerException
        // How a silo that has just started, or whose directory changes hands, says that it does not know yet where to put the
        // grain (PlacementService and LocalGrainDirectory of Orleans 10.4.2): what it failed with comes to the client as it is.
        || e.GetType() == typeof(OrleansException);
}
