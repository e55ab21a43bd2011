using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// What this gateway has learnt of a worker by forwarding to it, shared by all routes that the worker is on. Lives as
/// long as any of them lists it; every member may be used by many requests at once.
/// A worker that failed is set aside for a while that doubles; then one request at a time tries it, until one is
/// answered (the half-open circuit breaker of Nygard, "Release It!", chapter 5). One that another gateway could not
/// connect to is treated the same, until this gateway reaches it.
/// </summary>
internal sealed class WorkerLink(WorkerId id)
{
    private static readonly TimeSpan FirstSetAside = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestSetAside = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestBusy = TimeSpan.FromSeconds(30);

    /// <summary>How often the same verdict is reported, and how soon the opposite one.</summary>
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ReportPause = TimeSpan.FromSeconds(0.1);

    private readonly Lock gate = new();
    private PeakEwma latency;
    private int inFlight;
    private int failuresInARow;
    private long setAsideUntilTicks;
    private long pauseTicks;
    private bool mayHaveBeenSent;
    private long busyUntilTicks;

    /// <summary>Whether that says anything: the runtime lays it out beside what every choice reads anyway.</summary>
    private bool saidBusy;
    private bool unreachable;

    /// <summary>Whether it is set aside for what another gateway said alone.</summary>
    private bool onlyDoubted;
    private long reportedAtTicks = long.MinValue / 2;
    private bool reportedReached = true;
    private Instance[] listings = [];
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

    /// <summary>Whether it said that it is, and for how long.</summary>
    public bool IsBusy(TimeSpan now) => Volatile.Read(ref saidBusy) && now.Ticks < Volatile.Read(ref busyUntilTicks);

    /// <summary>Whether the registry says that some gateway can't connect to it.</summary>
    public bool IsUnreachable => Volatile.Read(ref unreachable);

    /// <summary>
    /// Whether this request should not go to it: it said that it is busy, it failed lately and is set aside, or it failed
    /// after a request may have been sent and this one can't be sent again. The latter only for so long: where nothing
    /// else is ever asked, one of those has to find out.
    /// </summary>
    /// <param name="repeatable">Whether the request could go to another worker if this one takes it and fails.</param>
    /// <param name="now">The time.</param>
    public bool IsAvoided(bool repeatable, TimeSpan now)
    {
        if (IsBusy(now))
        {
            return true;
        }

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
        if (limit is not { } most)
        {
            Interlocked.Increment(ref inFlight);
            return true;
        }

        // Never above the limit, not even for a moment: who sees it full then would wait for a place that is free.
        while (Volatile.Read(ref inFlight) is var taken && taken < most)
        {
            if (Interlocked.CompareExchange(ref inFlight, taken + 1, taken) == taken)
            {
                return true;
            }
        }

        return false;
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

    /// <summary>Gives the place of a request back, to the next that waits for one.</summary>
    public void Leave()
    {
        Interlocked.Increment(ref requests);
        Interlocked.Decrement(ref inFlight);
        Offer();
    }

    /// <summary>A route lists it: those who wait on that route hear of its places.</summary>
    public void List(Instance instance)
    {
        lock (gate)
        {
            listings = [.. listings, instance];
        }
    }

    public void Unlist(Instance instance)
    {
        lock (gate)
        {
            listings = [.. listings.Where(i => i != instance)];
        }
    }

    /// <summary>
    /// Gives its free places to those who wait, on whichever of its routes: urgent ones first, then who has waited
    /// longest. Where nobody waits this only reads.
    /// </summary>
    public void Offer()
    {
        while (LongestWaiting() is { } next)
        {
            if (!next.Queue!.TryServe(next))
            {
                // No place is left; or nobody there may use it, but maybe on another route.
                foreach (var other in Volatile.Read(ref listings))
                {
                    other.Queue?.TryServe(other);
                }

                return;
            }
        }
    }

    /// <summary>It answered: whatever was held against it is over.</summary>
    public void Answered(double seconds, TimeSpan now)
    {
        latency.Observe(seconds, now);
        if (Volatile.Read(ref saidBusy) && !IsBusy(now))
        {
            Volatile.Write(ref saidBusy, false);
        }

        Forgive();
    }

    /// <summary>
    /// It answered that it has too much to do: not chosen for as long as it says, up to 30 s. Whatever else was held
    /// against it is over.
    /// </summary>
    public void Busy(TimeSpan retryAfter, TimeSpan now)
    {
        var pause = retryAfter < LongestBusy ? retryAfter : LongestBusy;
        Volatile.Write(ref busyUntilTicks, (now + pause).Ticks);
        Volatile.Write(ref saidBusy, true);
        Forgive();
    }

    /// <summary>
    /// The registry says whether some gateway can't connect to it. Where this gateway has no failure of its own to go
    /// by, it is set aside as after one.
    /// </summary>
    public void Doubt(bool isUnreachable, TimeSpan now)
    {
        if (IsUnreachable == isUnreachable)
        {
            return;
        }

        lock (gate)
        {
            if (unreachable == isUnreachable)
            {
                // Said on another of its routes.
                return;
            }

            Volatile.Write(ref unreachable, isUnreachable);
        }

        if (isUnreachable && Interlocked.CompareExchange(ref failuresInARow, 1, 0) == 0)
        {
            Volatile.Write(ref onlyDoubted, true);
            SetAsideFor(FirstSetAside, now, sent: false);
        }
        else if (!isUnreachable && Volatile.Read(ref onlyDoubted))
        {
            Forgive();
            Offer();
        }
    }

    /// <summary>
    /// Whether it is time to tell the other gateways so: when this one found out something new, and again after a while
    /// as long as it stays so, because what is said expires.
    /// </summary>
    public bool MayReport(bool reached, TimeSpan now)
    {
        lock (gate)
        {
            var since = now.Ticks - reportedAtTicks;
            if (since < (reached == reportedReached ? ReportInterval : ReportPause).Ticks)
            {
                return false;
            }

            (reportedAtTicks, reportedReached) = (now.Ticks, reached);
            return true;
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
        Volatile.Write(ref onlyDoubted, false);
        if (!trial && IsSetAside(now))
        {
            // Requests that were already under way when it failed say nothing new.
            return;
        }

        var row = Interlocked.Increment(ref failuresInARow);
        var pause = FirstSetAside * Math.Pow(2, Math.Min(row - 1, 10));
        pause = pause > waited ? pause : waited;
        pause = pause < LongestSetAside ? pause : LongestSetAside;
        SetAsideFor(pause, now, mayHaveBeenSent);
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
            Volatile.Write(ref saidBusy, false);
            latency.Reset();
            lock (gate)
            {
                // What was told of the old process says nothing of this one.
                (reportedAtTicks, reportedReached) = (long.MinValue / 2, true);
            }
        }
    }

    private void Forgive()
    {
        if (Volatile.Read(ref failuresInARow) != 0)
        {
            Volatile.Write(ref onlyDoubted, false);
            Volatile.Write(ref failuresInARow, 0);
            Volatile.Write(ref setAsideUntilTicks, 0);
        }
    }

    private Instance? LongestWaiting()
    {
        Instance? next = null;
        var first = RequestQueue.Nobody;
        foreach (var instance in Volatile.Read(ref listings))
        {
            if (instance.Queue?.First is { } since && since < first)
            {
                (next, first) = (instance, since);
            }
        }

        return next;
    }

    private void SetAsideFor(TimeSpan pause, TimeSpan now, bool sent)
    {
        Volatile.Write(ref mayHaveBeenSent, sent);
        Volatile.Write(ref pauseTicks, pause.Ticks);
        Volatile.Write(ref setAsideUntilTicks, (now + pause).Ticks);
    }
}
