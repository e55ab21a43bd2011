namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// A latency that jumps to each peak at once and forgets it over time: the exponentially weighted moving average of
/// Twitter Finagle's "Peak EWMA" balancer (com.twitter.finagle.loadbalancer.p2c.P2CPeakEwma). Written by many requests
/// at once without a lock: an observation that another one overtakes may get lost, which an average can bear. A value
/// that lies within what it belongs to, not to be copied.
/// </summary>
internal struct PeakEwma
{
    /// <summary>After so long a peak weighs 37 %.</summary>
    private const double DecaySeconds = 1;

    private double seconds;
    private long updatedAtTicks;

    /// <summary>
    /// The average as it is now, in seconds; falls while nothing is observed, so that a slow worker is tried again.
    /// </summary>
    public double Read(TimeSpan now)
    {
        var value = Volatile.Read(ref seconds);
        return value == 0 ? 0 : value * Weight(now);
    }

    public void Observe(double observed, TimeSpan now)
    {
        var value = Volatile.Read(ref seconds);
        var weight = Weight(now);
        Volatile.Write(ref seconds, observed > value ? observed : (value * weight) + (observed * (1 - weight)));
        Volatile.Write(ref updatedAtTicks, now.Ticks);
    }

    public void Reset() => Volatile.Write(ref seconds, 0);

    private double Weight(TimeSpan now)
    {
        var elapsed = (now.Ticks - Volatile.Read(ref updatedAtTicks)) / (double)TimeSpan.TicksPerSecond;
        return elapsed <= 0 ? 1 : Math.Exp(-elapsed / DecaySeconds);
    }
}
