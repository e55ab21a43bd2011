using Orleans.Runtime.Messaging;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Calls to grains, repeated while silos come and go. All calls are safe to repeat: reads are, and writes carry an
/// operation id or say what must be so, not what must change.
/// </summary>
internal sealed class ClusterCalls(IGrainFactory grains, ClusterLink link, TimeProvider clock)
{
    /// <summary>A dead silo is found in less, and what it held answers elsewhere.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);
    private const int FirstPauseMs = 50;
    private const int LongestPauseMs = 400;

    /// <summary>Makes a call until it is answered.</summary>
    /// <param name="call">The call; is told which attempt it is, from 1.</param>
    /// <param name="cancellationToken">The client went away.</param>
    /// <exception cref="ClusterUnavailableException">Not answered within 5 s.</exception>
    public async Task<T> Call<T>(Func<IGrainFactory, int, Task<T>> call, CancellationToken cancellationToken)
    {
        var start = clock.Elapsed();
        var pause = FirstPauseMs;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var left = Deadline - (clock.Elapsed() - start);
                var answer = await call(grains, attempt).WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, cancellationToken);
                link.Answered();
                return answer;
            }
            // A client that has not reached a silo yet knows no grains, and takes them for a mistake of its caller.
            catch (Exception e) when (IsPassing(e) || (e is ArgumentException && !link.EverConnected))
            {
                if (clock.Elapsed() - start + TimeSpan.FromMilliseconds(pause) >= Deadline)
                {
                    throw new ClusterUnavailableException("No silo answered within 5 s.", e);
                }
            }

            // Jitter, so that the gateways that lost the same silo do not come back together.
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(pause / 2, pause)), clock, cancellationToken);
            pause = Math.Min(pause * 2, LongestPauseMs);
        }
    }

    public Task<T> Call<T>(Func<IGrainFactory, Task<T>> call, CancellationToken cancellationToken) =>
        Call((factory, _) => call(factory), cancellationToken);

    /// <summary>Whether the call may succeed when it is made again: the silo went, or does not answer.</summary>
    public static bool IsPassing(Exception e) => e is
        TimeoutException
        or OrleansMessageRejectionException
        or SiloUnavailableException
        or ConnectionFailedException
        or ClientNotAvailableException
        or ObjectDisposedException;
}
