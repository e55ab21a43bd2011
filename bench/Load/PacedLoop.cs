using System.Diagnostics;

namespace WorkerMesh.Load;

/// <summary>Calls that arrive at a rate, whether or not those before were answered.</summary>
internal static class PacedLoop
{
    /// <summary>Begins what is due once a millisecond, for a time, and waits for the last answers.</summary>
    /// <param name="rate">Calls a second.</param>
    /// <param name="duration">After it none is begun.</param>
    /// <param name="call">One call, by its number. Throws where it fails.</param>
    public static async Task<Measurement> RunAsync(int rate, TimeSpan duration, Func<int, Task> call)
    {
        var begun = Stopwatch.GetTimestamp();
        var running = new List<Task<(double Latency, string? Error)>>();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        while (Stopwatch.GetElapsedTime(begun) is var elapsed && elapsed < duration)
        {
            for (var due = (int)(elapsed.TotalSeconds * rate); running.Count < due;)
            {
                running.Add(OneAsync(running.Count));
            }

            await tick.WaitForNextTickAsync();
        }

        var answers = await Task.WhenAll(running);
        var errors = answers.Where(a => a.Error is not null).ToArray();
        return new(
            answers.Length - errors.Length,
            duration.TotalSeconds,
            [.. answers.Where(a => a.Error is null).Select(a => a.Latency)],
            errors.Length,
            errors.FirstOrDefault().Error);

        async Task<(double, string?)> OneAsync(int number)
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
}
