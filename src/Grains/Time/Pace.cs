namespace WorkerMesh.Grains.Time;

/// <summary>Lets something happen once in an interval at most, however many ask at once. No lock.</summary>
/// <param name="interval">At least so long from one time to the next; the first may be at once.</param>
/// <param name="clock">What it is measured on.</param>
public sealed class Pace(TimeSpan interval, TimeProvider clock)
{
    private long dueAtTicks;

    /// <summary>Whether it is time; true for one of those who ask, until the next time.</summary>
    public bool IsDue()
    {
        var now = clock.Elapsed().Ticks;
        var due = Volatile.Read(ref dueAtTicks);
        return now >= due && Interlocked.CompareExchange(ref dueAtTicks, now + interval.Ticks, due) == due;
    }
}
