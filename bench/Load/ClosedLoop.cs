using System.Diagnostics;

namespace WorkerMesh.Load;

/// <summary>So many clients, each of which sends its next call when its last one was answered.</summary>
internal static class ClosedLoop
{
    /// <summary>Runs for a time.</summary>
    /// <param name="clients">How many at once.</param>
    /// <param name="duration">After it no client begins another call.</param>
    /// <param name="call">One call of a client, by its number and the number of the call. Throws where it fails.</param>
    /// <param name="worth">Operations in one call.</param>
    public static Task<Measurement> RunAsync(int clients, TimeSpan duration, Func<int, int, Task> call, int worth = 1) =>
        RunAsync(clients, duration, int.MaxValue, call, worth);

    /// <summary>Runs a number of calls, each client its share.</summary>
    public static Task<Measurement> RunAsync(int clients, int calls, Func<int, int, Task> call) =>
        RunAsync(clients, TimeSpan.MaxValue, calls, call, 1);

    private static async Task<Measurement> RunAsync(
        int clients, TimeSpan duration, int calls, Func<int, int, Task> call, int worth)
    {
        var begun = Stopwatch.GetTimestamp();
        var all = await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() => RunClientAsync(client))));
        return new(
            all.Sum(c => (long)c.Latencies.Count) * worth,
            Stopwatch.GetElapsedTime(begun).TotalSeconds,
            [.. all.SelectMany(c => c.Latencies)],
            all.Sum(c => c.Errors),
            all.Select(c => c.FirstError).FirstOrDefault(e => e is not null));

        async Task<(List<double> Latencies, long Errors, string? FirstError)> RunClientAsync(int client)
        {
            var latencies = new List<double>();
            long errors = 0;
            string? firstError = null;
            for (var n = 0; client + ((long)n * clients) < calls && Stopwatch.GetElapsedTime(begun) < duration; n++)
            {
                var sent = Stopwatch.GetTimestamp();
                try
                {
                    await call(client, n);
                    latencies.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
                }
                catch (Exception e)
                {
                    errors++;
                    firstError ??= e.Message;
                }
            }

            return (latencies, errors, firstError);
        }
    }
}
