namespace WorkerMesh.Tests.System.Harness;

/// <summary>What became of the requests of a <see cref="Load"/>.</summary>
/// <param name="Right">How many were answered rightly.</param>
/// <param name="Wrong">Those that were not.</param>
/// <param name="ByWorker">The right ones by the worker that answered.</param>
/// <param name="Latencies">From the time each was due, ascending.</param>
/// <param name="LongestGap">The longest time in which no right answer came.</param>
public sealed record LoadReport(
    int Right,
    IReadOnlyList<WrongAnswer> Wrong,
    IReadOnlyDictionary<string, int> ByWorker,
    TimeSpan[] Latencies,
    TimeSpan LongestGap)
{
    /// <summary>Fails where any request was not answered rightly.</summary>
    public void ExpectNoErrors(int atLeast) => Assert.True(Wrong.Count == 0 && Right >= atLeast, ToString());

    public override string ToString() =>
        $"{Right} right; wrong: [{Join(Wrong.CountBy(w => w.What))}]; by worker: [{Join(ByWorker)}]; latency from schedule "
        + $"p50 {Quantile(0.5)} p99 {Quantile(0.99)} max {Quantile(1)}; longest without an answer "
        + FormattableString.Invariant($"{LongestGap.TotalMilliseconds:0} ms");

    private static string Join(IEnumerable<KeyValuePair<string, int>> counts) =>
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

/// <summary>A request that was not answered rightly.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Gateway">The gateway that it was sent to last.</param>
/// <param name="Begun">When it was sent, on the clock of the load.</param>
/// <param name="Ended">When that was known.</param>
/// <param name="Status">The status of the answer; null where none came.</param>
/// <param name="What">What was wrong.</param>
public sealed record WrongAnswer(
    HttpMethod Method, Uri Gateway, TimeSpan Begun, TimeSpan Ended, int? Status, string What);
