namespace WorkerMesh.Grains.Registry;

/// <summary>
/// Which leases run out when. An instance's entry is not moved when its lease is renewed but put back when it comes up
/// too early: a renewal costs nothing, and an instance is looked at about once a lease.
/// </summary>
/// <remarks>
/// Self-preservation, after Netflix Eureka ("Server Self Preservation Mode", github.com/Netflix/eureka/wiki): when most
/// leases run out together, the likelier cause is that renewals did not get through. Eureka stops expiring; here the
/// workers turn degraded, which keeps them routed to while they answer.
/// </remarks>
internal sealed class LeaseQueue(RegistryOptions options)
{
    private readonly PriorityQueue<Entry, TimeSpan> deadlines = new();

    /// <summary>The lapses within the window, oldest first.</summary>
    private readonly Queue<LapseRecord> window = new();

    /// <summary>How many instances are without a lease, and how many of those lapsed within the window.</summary>
    private int lapsed;
    private int lapsedInWindow;
    private bool massExpiry;

    public TimeSpan? NextDeadline => deadlines.TryPeek(out _, out var at) ? at : null;

    /// <summary>Gives an instance an entry of its own; an earlier one is void from now on.</summary>
    public void Schedule(Instance instance)
    {
        instance.LeaseEntry++;
        deadlines.Enqueue(new(instance, instance.LeaseEntry), DeadlineOf(instance));
    }

    /// <summary>An instance joins with its lease run out already.</summary>
    public void AddLapsed(Instance instance)
    {
        instance.Lapsed = true;
        lapsed++;
    }

    /// <summary>A lapsed instance was heard from, or is gone.</summary>
    public void Unlapse(Instance instance)
    {
        if (!instance.Lapsed)
        {
            return;
        }

        lapsed--;
        if (instance.InLapseWindow)
        {
            lapsedInWindow--;
            instance.InLapseWindow = false;
        }

        instance.Lapsed = instance.Suspected = false;
    }

    /// <summary>Takes what is due.</summary>
    /// <param name="now">The time.</param>
    /// <param name="population">How many instances there are in all.</param>
    public Due Expire(TimeSpan now, int population)
    {
        SlideWindow(now);
        var settled = new List<Instance>();
        var forgettable = new List<Instance>();
        while (deadlines.TryPeek(out var entry, out var at) && at <= now)
        {
            deadlines.Dequeue();
            var instance = entry.Instance;
            if (instance.Removed || entry.Number != instance.LeaseEntry)
            {
                continue;
            }

            if (instance.Lapsed)
            {
                forgettable.Add(instance);
                // Asked for again later: the worker's grain may not agree, or not be reachable now.
                deadlines.Enqueue(entry, now + ForgetRetry);
                continue;
            }

            if (instance.LeaseEnd <= now)
            {
                Lapse(instance, now);
                settled.Add(instance);
            }

            deadlines.Enqueue(entry, DeadlineOf(instance));
        }

        SuspectMassExpiry(population, settled);
        return new(settled, forgettable);
    }

    private TimeSpan ForgetRetry => TimeSpan.FromTicks(
        Math.Clamp(options.RecordRetention.Ticks / 10, TimeSpan.TicksPerSecond, TimeSpan.TicksPerMinute));

    private void Lapse(Instance instance, TimeSpan now)
    {
        instance.Lapsed = instance.InLapseWindow = true;
        instance.LapsedAt = now;
        lapsed++;
        lapsedInWindow++;
        window.Enqueue(new(instance, now));
    }

    private void SlideWindow(TimeSpan now)
    {
        while (window.TryPeek(out var oldest) && now - oldest.At > options.MassExpiryWindow)
        {
            window.Dequeue();
            if (oldest.Instance.InLapseWindow && oldest.Instance.LapsedAt == oldest.At)
            {
                oldest.Instance.InLapseWindow = false;
                lapsedInWindow--;
            }
        }
    }

    private void SuspectMassExpiry(int population, List<Instance> settled)
    {
        // Those that lapsed before the window say nothing about this moment.
        var leased = population - (lapsed - lapsedInWindow);
        var was = massExpiry;
        massExpiry = leased >= options.MassExpiryMinimum && lapsedInWindow > options.MassExpiryShare * leased;
        if (!massExpiry)
        {
            return;
        }

        if (!was)
        {
            // Only at the turn: from here on each new lapse is marked as it comes, or this would be quadratic.
            settled.AddRange(window.Where(l => l.Instance.InLapseWindow).Select(l => l.Instance));
        }

        foreach (var instance in settled)
        {
            instance.Suspected = true;
        }
    }

    private TimeSpan DeadlineOf(Instance instance) =>
        instance.Lapsed ? instance.LeaseEnd + options.RecordRetention : instance.LeaseEnd;

    /// <param name="Settled">The instances whose state may have changed.</param>
    /// <param name="Forgettable">The instances whose records may go.</param>
    public readonly record struct Due(IReadOnlyList<Instance> Settled, IReadOnlyList<Instance> Forgettable);

    private readonly record struct Entry(Instance Instance, int Number);

    private readonly record struct LapseRecord(Instance Instance, TimeSpan At);
}
