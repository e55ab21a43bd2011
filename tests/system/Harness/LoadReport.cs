namespace WorkerMesh.Tests.System.Harness;

/// <summary>What became of the requests of a <see cref="Load"/>.</summary>
/// <param name="Right">How many were answered rightly.</param>
/// <param name="Wrong">How the others ended, and how many each way.</param>
/// <param name="ByWorker">The right ones by the worker that answered.</param>
/// <param name="Latencies">From the time each was due, ascending.</param>
public sealed record LoadReport(
    int Right, IReadOnlyDictionary<string, int> Wrong, IReadOnlyDictionary<string, int> ByWorker, TimeSpan[] Latencies)
{
    /// <summary>Fails where any request was not answered rightly.</summary>
    public void ExpectNoErrors(int atLeast) => Assert.True(Wrong.Count == 0 && Right >= atLeast, ToString());

    public override string ToString() =>
        $"{Right} right; wrong: [{Join(Wrong)}]; by worker: [{Join(ByWorker)}]; latency from schedule "
        + $"p50 {Quantile(0.5)} p99 {Quantile(0.99)} max {Quantile(1)}";

    private static string Join(IReadOnlyDictionary<string, int> counts) =>
        string.Join(", ", counts.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => $"{c.Key}: {c.Value}"));

    private string Quantile(double q)
    {
        if (Latencies.Length == 0)
        {
            return "-";
        }

        var latency = Latencies[(int)Math.Ceiling(q * Latencies.Length) - 1];
        return FormattableString.Invariant($"{latency.TotalMilliseconds:0.0} ms");
    }
}
