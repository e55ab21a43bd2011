using System.Diagnostics;

namespace WorkerMesh.Load;

/// <summary>Calls that arrive at a rate, whether or not those before were answered.</summary>
internal static class PacedLoop
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// Begins what is due once a millisecond, for a time, and waits for the last answers. In a thread of its own, which does
    /// nothing else: a timer wakes two of them for each tick, and these take turns with those of what is measured.
    /// </summary>
    /// <param name="duration">After it none is begun.</param>
    /// <param name="streams">How many calls a second, and one call, by its number. It throws where it fails.</param>
    public static async Task<Measurement> RunAsync(TimeSpan duration, params (int Rate, Func<int, Task> Call)[] streams)
    {
        var running = await Task.Factory.StartNew(
            () => Begin(duration, streams), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var answers = await Task.WhenAll(running);
        var errors = answers.Where(a => a.Error is not null).ToArray();
        return new(
            answers.Length - errors.Length,
            duration.TotalSeconds,
            [.. answers.Where(a => a.Error is null).Select(a => a.Latency)],
            errors.Length,
            errors.FirstOrDefault().Error);
    }

    private static List<Task<(double Latency, string? Error)>> Begin(
        TimeSpan duration, (int Rate, Func<int, Task> Call)[] streams)
    {
        var begun = Stopwatch.GetTimestamp();
        var running = new List<Task<(double, string?)>>();
        var numbers = new int[streams.Length];
        using var never = new ManualResetEvent(false);
        while (Stopwatch.GetElapsedTime(begun) is var elapsed && elapsed < duration)
        {
            for (var i = 0; i < streams.Length; i++)
            {
                var (rate, call) = streams[i];
                for (var due = (int)(elapsed.TotalSeconds * rate); numbers[i] < due; numbers[i]++)
                {
                    running.Add(OneAsync(call, numbers[i]));
                }
            }

            never.WaitOne(Tick);
        }

        return running;
    }

    private static async Task<(double Latency, string? Error)> OneAsync(Func<int, Task> call, int number)
    {
        var sent = Stopwatch.GetTimestamp();
        try
        {
            await call(number);
            return (Stopwatch.GetElapsedTime(sent).TotalMilliseconds, null);
        }
        catch (Exception e)
        {
            return (0, e.Message);
        }
    }
}
