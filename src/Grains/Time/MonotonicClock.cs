namespace WorkerMesh.Grains.Time;

/// <summary>
/// Leases and latencies are measured on this clock: it never jumps, and means nothing in another process.
/// </summary>
public static class MonotonicClock
{
    /// <summary>Time since an arbitrary moment.</summary>
    public static TimeSpan Elapsed(this TimeProvider clock) => clock.GetElapsedTime(0, clock.GetTimestamp());

    /// <summary>The same for what can only be told a date.</summary>
    public static DateTime ElapsedDate(this TimeProvider clock) => DateTime.UnixEpoch + clock.Elapsed();
}
