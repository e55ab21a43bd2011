namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// How many requests may be sent again: each request earns a share of a retry (a token bucket, after Twitter Finagle's
/// com.twitter.finagle.service.RetryBudget), so that workers that fail because there is too much get at most that share
/// more. A floor lets services with few requests retry at all. Many requests use it at once, without a lock; while
/// nothing fails it is full, and a request only reads it.
/// </summary>
/// <param name="share">What each request earns, 0 to 1 retries; 0 switches retries off, the floor too.</param>
internal sealed class RetryBudget(double share)
{
    /// <summary>One retry, in the units that are counted.</summary>
    private const int One = 1000;

    /// <summary>What may be saved up: a burst of so many retries at once.</summary>
    private const int MostSaved = 50 * One;

    /// <summary>The floor: so many retries at once, and one more each interval.</summary>
    private const int FloorBurst = 10;
    private static readonly TimeSpan FloorInterval = TimeSpan.FromSeconds(1);

    private readonly int earned = (int)Math.Round(share * One);
    private long saved;

    /// <summary>
    /// When the floor is whole again, as in the generic cell rate algorithm (ITU-T I.371): a retry moves it on by one
    /// interval, and may as long as it is not further ahead than the burst.
    /// </summary>
    private long floorWholeAtTicks;
    private long refused;

    /// <summary>How many retries were asked for and not given.</summary>
    public long Refused => Interlocked.Read(ref refused);

    /// <summary>A request came.</summary>
    public void Earn()
    {
        // Requests that come at once may save up a little more; what matters is that it is bounded.
        if (Volatile.Read(ref saved) < MostSaved)
        {
            Interlocked.Add(ref saved, earned);
        }
    }

    /// <summary>Takes a retry; false where there is none left.</summary>
    public bool TrySpend(TimeSpan now)
    {
        if (earned > 0 && (SpendSaved() || SpendFloor(now.Ticks)))
        {
            return true;
        }

        Interlocked.Increment(ref refused);
        return false;
    }

    private bool SpendSaved()
    {
        while (Volatile.Read(ref saved) is var left && left >= One)
        {
            if (Interlocked.CompareExchange(ref saved, left - One, left) == left)
            {
                return true;
            }
        }

        return false;
    }

    private bool SpendFloor(long now)
    {
        while (true)
        {
            var wholeAt = Volatile.Read(ref floorWholeAtTicks);
            var next = Math.Max(wholeAt, now) + FloorInterval.Ticks;
            if (next > now + (FloorBurst * FloorInterval.Ticks))
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref floorWholeAtTicks, next, wholeAt) == wholeAt)
            {
                return true;
            }
        }
    }
}
