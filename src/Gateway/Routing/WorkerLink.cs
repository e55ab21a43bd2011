using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// What this gateway has learnt of a worker by forwarding to it, shared by all routes that the worker is on. Lives as
/// long as any of them lists it; every member may be used by many requests at once.
/// </summary>
internal sealed class WorkerLink(WorkerId id)
{
    private static readonly TimeSpan FirstSetAside = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestSetAside = TimeSpan.FromSeconds(30);

    private readonly PeakEwma latency = new();
    private int inFlight;
    private int failuresInARow;
    private long setAsideUntilTicks;
    private long incarnation;
    private int candidate;
    private long requests;
    private long failures;

    public WorkerId Id { get; } = id;

    /// <summary>How many routes list it; counted under the lock of <see cref="WorkerLinks"/>.</summary>
    public int Routes { get; set; }

    public int InFlight => Volatile.Read(ref inFlight);

    public long Requests => Volatile.Read(ref requests);

    public long Failures => Volatile.Read(ref failures);

    /// <summary>Which of its URLs was connected to last.</summary>
    public int Candidate => Volatile.Read(ref candidate);

    public double LatencySeconds(TimeSpan now) => latency.Read(now);

    public bool IsSetAside(TimeSpan now) => now.Ticks < Volatile.Read(ref setAsideUntilTicks);

    /// <summary>Takes a place for a request; false where <paramref name="limit"/> are taken.</summary>
    public bool TryEnter(int? limit)
    {
        if (Interlocked.Increment(ref inFlight) > (limit ?? int.MaxValue))
        {
            Interlocked.Decrement(ref inFlight);
            return false;
        }

        return true;
    }

    public void Leave()
    {
        Interlocked.Decrement(ref inFlight);
        Interlocked.Increment(ref requests);
    }

    /// <summary>It answered: whatever was held against it is over.</summary>
    public void Answered(double seconds, TimeSpan now)
    {
        latency.Observe(seconds, now);
        if (Volatile.Read(ref failuresInARow) != 0)
        {
            Volatile.Write(ref failuresInARow, 0);
            Volatile.Write(ref setAsideUntilTicks, 0);
        }
    }

    /// <summary>
    /// It could not be reached or did not answer: not chosen for a while that doubles with each failure in a row.
    /// </summary>
    public void SetAside(TimeSpan now)
    {
        Interlocked.Increment(ref failures);
        if (IsSetAside(now))
        {
            // Requests that were already under way when it failed say nothing new.
            return;
        }

        var row = Interlocked.Increment(ref failuresInARow);
        var pause = FirstSetAside * Math.Pow(2, Math.Min(row - 1, 10));
        Volatile.Write(ref setAsideUntilTicks, (now + (pause < LongestSetAside ? pause : LongestSetAside)).Ticks);
    }

    /// <summary>Goes on to another of its URLs, unless another request has done so since.</summary>
    public void PassOver(int failed, int count) =>
        Interlocked.CompareExchange(ref candidate, (failed + 1) % count, failed);

    public void Prefer(int reachable) => Volatile.Write(ref candidate, reachable);

    /// <summary>A new registration: another process, perhaps elsewhere.</summary>
    public void Follow(long current)
    {
        if (Interlocked.Exchange(ref incarnation, current) != current)
        {
            Volatile.Write(ref candidate, 0);
            Volatile.Write(ref failuresInARow, 0);
            Volatile.Write(ref setAsideUntilTicks, 0);
            latency.Reset();
        }
    }
}
