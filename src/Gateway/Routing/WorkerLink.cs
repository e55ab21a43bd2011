using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// What this gateway has learnt of a worker by forwarding to it, shared by all routes that the worker is on. Lives as
/// long as any of them lists it; every member may be used by many requests at once.
/// A worker that failed is set aside for a while that doubles; then one request at a time tries it, until one is
/// answered (the half-open circuit breaker of Nygard, "Release It!", chapter 5).
/// </summary>
internal sealed class WorkerLink(WorkerId id)
{
    private static readonly TimeSpan FirstSetAside = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestSetAside = TimeSpan.FromSeconds(30);

    private readonly PeakEwma latency = new();
    private int inFlight;
    private int failuresInARow;
    private long setAsideUntilTicks;
    private long pauseTicks;
    private bool mayHaveBeenSent;
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

    /// <summary>Whether it failed lately and waits to be tried again.</summary>
    public bool IsSetAside(TimeSpan now) => now.Ticks < Volatile.Read(ref setAsideUntilTicks);

    /// <summary>
    /// Whether it failed lately and this request should not be the one that tries it: it is set aside, or it failed
    /// after a request may have been sent and this one can't be sent again. The latter only for so long: where nothing
    /// else is ever asked, one of those has to find out.
    /// </summary>
    /// <param name="repeatable">Whether the request could go to another worker if this one takes it and fails.</param>
    /// <param name="now">The time.</param>
    public bool IsAvoided(bool repeatable, TimeSpan now)
    {
        if (Volatile.Read(ref failuresInARow) == 0)
        {
            return false;
        }

        var until = Volatile.Read(ref setAsideUntilTicks);
        return now.Ticks < until
            || (!repeatable && Volatile.Read(ref mayHaveBeenSent) && now.Ticks < until + LongestSetAside.Ticks);
    }

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

    /// <summary>
    /// Whether a request may go to it after a failure whose time aside is over: only the first that asks, so that a
    /// worker that hangs keeps one request waiting and not all that come.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="trial">Whether the request is such a trial.</param>
    public bool MayTry(TimeSpan now, out bool trial)
    {
        trial = Volatile.Read(ref failuresInARow) != 0;
        if (!trial)
        {
            return true;
        }

        var until = Volatile.Read(ref setAsideUntilTicks);
        return until <= now.Ticks
            && Interlocked.CompareExchange(ref setAsideUntilTicks, now.Ticks + Volatile.Read(ref pauseTicks), until) == until;
    }

    /// <summary>Gives a place back that no request was sent from.</summary>
    public void GiveUp() => Interlocked.Decrement(ref inFlight);

    /// <summary>Gives the place of a request back.</summary>
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
    /// <param name="now">The time.</param>
    /// <param name="trial">Whether the request was one that <see cref="MayTry"/> let through.</param>
    /// <param name="mayHaveBeenSent">Whether the request may have reached it.</param>
    /// <param name="waited">
    /// How long it kept the request waiting. It is set aside for no less: else a worker that hangs would hold up
    /// requests all the time.
    /// </param>
    public void SetAside(TimeSpan now, bool trial = false, bool mayHaveBeenSent = false, TimeSpan waited = default)
    {
        Interlocked.Increment(ref failures);
        if (!trial && IsSetAside(now))
        {
            // Requests that were already under way when it failed say nothing new.
            return;
        }

        var row = Interlocked.Increment(ref failuresInARow);
        var pause = FirstSetAside * Math.Pow(2, Math.Min(row - 1, 10));
        pause = pause > waited ? pause : waited;
        pause = pause < LongestSetAside ? pause : LongestSetAside;
        Volatile.Write(ref this.mayHaveBeenSent, mayHaveBeenSent);
        Volatile.Write(ref pauseTicks, pause.Ticks);
        Volatile.Write(ref setAsideUntilTicks, (now + pause).Ticks);
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
