namespace WorkerMesh.Gateway.Stats;

/// <summary>
/// Counts durations in buckets that each are a quarter wider than the last, from 0.1 ms to over an hour, so that a
/// quantile is known to within 12 %. Safe to write from many requests at once.
/// </summary>
internal sealed class LatencyHistogram
{
    private const double SmallestSeconds = 0.0001;
    private const double Growth = 1.25;
    private const int Buckets = 80;
    private static readonly double LogGrowth = Math.Log(Growth);

    private readonly long[] counts = new long[Buckets];

    public void Record(double seconds)
    {
        var bucket = seconds <= SmallestSeconds ? 0 : (int)Math.Ceiling(Math.Log(seconds / SmallestSeconds) / LogGrowth);
        Interlocked.Increment(ref counts[Math.Min(bucket, Buckets - 1)]);
    }

    /// <summary>Estimates of quantiles (each 0 to 1) in seconds; null where nothing was recorded.</summary>
    public double[]? Quantiles(params ReadOnlySpan<double> quantiles)
    {
        var copy = counts.Select((_, i) => Interlocked.Read(ref counts[i])).ToArray();
        var total = copy.Sum();
        if (total == 0)
        {
            return null;
        }

        var found = new double[quantiles.Length];
        for (var q = 0; q < quantiles.Length; q++)
        {
            var rank = quantiles[q] * total;
            var bucket = 0;
            for (var seen = copy[0]; seen < rank && bucket < Buckets - 1; seen += copy[bucket])
            {
                bucket++;
            }

            // The geometric middle of the bucket.
            found[q] = SmallestSeconds * Math.Pow(Growth, bucket - 0.5);
        }

        return found;
    }
}
