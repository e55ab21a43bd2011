using System.Diagnostics;

namespace WorkerMesh.Load;

/// <summary>Both ends of a measurement of how long a change takes to a watcher in another process.</summary>
internal static class Watching
{
    /// <summary>
    /// Changes that come first: with them both ends, which have just started, connect and compile what they run.
    /// </summary>
    private const int Uncounted = 20;

    // Both ends read the machine's monotonic clock, which is one for all processes.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Follows until enough were seen.</summary>
    public static async Task<Measurement> RunAsync(Arguments arguments, Func<SeenChanges, Task> follow)
    {
        var seen = new SeenChanges(arguments.Number("count", 200));
        var following = follow(seen);
        var late = Task.Delay(Limit, TimeProvider.System);
        var first = await Task.WhenAny(following, late);
        await (first == following ? following : Task.CompletedTask);
        return new(
            seen.Latencies.Count,
            Limit.TotalSeconds,
            [.. seen.Latencies],
            seen.Wanted - seen.Latencies.Count,
            seen.Latencies.Count < seen.Wanted ? "Not all changes were seen." : null);
    }

    /// <summary>Makes changes one after the other, the next no sooner than a time after the last one.</summary>
    /// <param name="arguments">The command's.</param>
    /// <param name="change">Makes one, by its number, that says when it was sent; 0 is not counted.</param>
    public static async Task<Measurement> AnnounceAsync(Arguments arguments, Func<int, long, Task> change)
    {
        var pause = TimeSpan.FromMilliseconds(arguments.Number("pause", 10));
        return await ClosedLoop.RunAsync(1, Uncounted + arguments.Number("count", 200), async (_, n) =>
        {
            await change(n, n < Uncounted ? 0 : Stopwatch.GetTimestamp());
            await Task.Delay(pause, TimeProvider.System);
        });
    }
}
