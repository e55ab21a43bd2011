using System.Text.Json;

namespace WorkerMesh.Load;

/// <summary>What was measured.</summary>
/// <param name="Operations">Answered with success; where an operation is a batch, what it holds.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Latencies">Of each call, in milliseconds, in any order.</param>
/// <param name="Errors">Calls that failed.</param>
/// <param name="FirstError">What the first of them said.</param>
internal sealed record Measurement(long Operations, double Seconds, double[] Latencies, long Errors, string? FirstError)
{
    /// <summary>As the one line that a command prints.</summary>
    public string ToJson()
    {
        Array.Sort(Latencies);
        return JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["operations"] = Operations,
            ["seconds"] = Seconds,
            ["p50_ms"] = Percentile(0.50),
            ["p99_ms"] = Percentile(0.99),
            ["errors"] = Errors,
            ["first_error"] = FirstError,
        });
    }

    private double? Percentile(double share) =>
        Latencies.Length == 0 ? null : Latencies[(int)Math.Min(Latencies.Length - 1, Latencies.Length * share)];
}
