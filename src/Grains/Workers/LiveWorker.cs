using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// All that a silo has in memory of one worker. The worker's grain writes it; heartbeats that change nothing but the
/// lease and the load are applied from any thread, without a call to the grain.
/// </summary>
/// <remarks>
/// It locks itself, and what few workers have is in an object of its own: there may be 100,000 of them.
/// </remarks>
internal sealed partial class LiveWorker(WorkerId id)
{
    private Liveness liveness;
    private Rarities? rarities;
    private WorkerRecord? record;
    private TimeSpan calledAt;
    private long heartbeats;
    private int revivals;
    private bool leaves;
    private bool removed;
    private bool occupied;
    private ushort grains;

    public WorkerId Id { get; } = id;

    /// <summary>Whether this is all about the worker's first registration, and others may know more by now.</summary>
    public bool IsNew { get; init; }

    /// <summary>
    /// Whether it was heard from since it is in memory here. Otherwise its lease is one of grace: somebody else may know
    /// when it was.
    /// </summary>
    public bool IsHeard { get; private set; }

    /// <summary>Whether the store was read: what is here is then what is true.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>The record in force, or null. Written by the grain, or by who has occupied it.</summary>
    public WorkerRecord? Record => record;

    /// <summary>The highest incarnation that was ever removed, as far as this worker needs to know.</summary>
    public long IncarnationFloor { get; private set; }

    public Liveness Liveness
    {
        get
        {
            lock (this)
            {
                return liveness;
            }
        }
    }

    /// <summary>The record in force, or null, and what is known beyond it.</summary>
    public (WorkerRecord? Record, Liveness Liveness) Known
    {
        get
        {
            lock (this)
            {
                return (record, liveness);
            }
        }
    }

    public Suspicion Suspicion => rarities?.Suspicion ?? Suspicion.None;

    public WorkerCounters Counters
    {
        get
        {
            lock (this)
            {
                return new(heartbeats, revivals, rarities?.HealthChecks ?? 0, rarities?.HealthCheckFailures ?? 0);
            }
        }
    }

    /// <summary>The operations that wrote the records before this one, the last first.</summary>
    public Guid[] EarlierOperations => rarities?.EarlierOperations ?? [];

    /// <summary>What is stored, as it was read. A record that is new here gets a lease of grace.</summary>
    public void Load(WorkerRecord? stored, long incarnationFloor, TimeSpan now)
    {
        RaiseFloor(incarnationFloor);
        if (!IsLoaded || stored?.Incarnation != record?.Incarnation)
        {
            Follow(stored, now, isHeard: false);
        }
    }

    /// <summary>Another record is in force, or none: what was known of the last one is forgotten.</summary>
    /// <param name="next">The record.</param>
    /// <param name="now">The time.</param>
    /// <param name="isHeard">Whether it has just been registered, rather than read from the store.</param>
    public void Follow(WorkerRecord? next, TimeSpan now, bool isHeard = true)
    {
        lock (this)
        {
            record = next;
            IsHeard = isHeard;
            liveness = new(now);
            IsLoaded = true;
            leaves = false;
            Hear(Suspicion.None);
        }
    }

    /// <summary>The record of the same incarnation says something else.</summary>
    public void Amend(WorkerRecord same) => Volatile.Write(ref record, same);

    /// <summary>The record is removed.</summary>
    /// <param name="last">The record.</param>
    /// <param name="now">The time.</param>
    /// <param name="isNews">Whether the floor that is known is the one of before.</param>
    public void Forget(WorkerRecord last, TimeSpan now, bool isNews = true)
    {
        // As the store does it.
        IncarnationFloor = Math.Max(IncarnationFloor + (isNews ? 1 : 0), last.Incarnation);
        Follow(null, now);
    }

    /// <summary>The floor was found to be no lower than this.</summary>
    public void RaiseFloor(long found) => IncarnationFloor = Math.Max(IncarnationFloor, found);

    /// <summary>A registration took this one's place; the operations before the last few are forgotten.</summary>
    public void Supersede(WorkerRecord last, int remembered)
    {
        var rare = Rare();
        rare.EarlierOperations = [last.OperationId, .. rare.EarlierOperations.Take(remembered - 1)];
    }

    /// <summary>None of them can come again.</summary>
    public void ForgetOperations()
    {
        if (rarities is not null)
        {
            rarities.EarlierOperations = [];
        }
    }

    /// <summary>Applies a heartbeat that came to the grain.</summary>
    /// <param name="beat">The heartbeat.</param>
    /// <param name="now">The time.</param>
    /// <param name="renewed">The record that it renewed the lease of, or else the one that is in force.</param>
    public HeartbeatDecision Apply(Heartbeat beat, TimeSpan now, out WorkerRecord? renewed)
    {
        lock (this)
        {
            renewed = record;
            var decision = WorkerLifecycle.Apply(renewed, liveness, beat, now);
            if (decision.Outcome == HeartbeatOutcome.Renewed)
            {
                heartbeats++;
                IsHeard = true;
                revivals += liveness.LeaseRuns(renewed!.Registration.Lease, now) ? 0 : 1;
                liveness = decision.Next;
                calledAt = now;
            }

            return decision;
        }
    }

    /// <summary>Applies a heartbeat where that changes nothing that others have to hear at once.</summary>
    /// <param name="beat">The heartbeat.</param>
    /// <param name="now">The time.</param>
    /// <param name="calledWithin">Only where a heartbeat came to the grain within this time.</param>
    /// <param name="renewals">Is given the renewal for each of the worker's registries.</param>
    /// <param name="next">What is known of the worker then.</param>
    /// <returns>The record whose lease was renewed; null, with nothing changed, where the grain has to be called.</returns>
    public WorkerRecord? TryRenew(
        Heartbeat beat, TimeSpan now, TimeSpan calledWithin, RenewalBatcher renewals, out Liveness next)
    {
        lock (this)
        {
            next = liveness;
            if (record is not { } renewed || leaves || now - calledAt > calledWithin)
            {
                return null;
            }

            var decision = WorkerLifecycle.Apply(renewed, liveness, beat, now);
            if (decision.Outcome != HeartbeatOutcome.Renewed || decision.Announce)
            {
                return null;
            }

            heartbeats++;
            IsHeard = true;
            liveness = next = decision.Next;
            // Within the lock: else it might take the place of what the grain announces after it.
            foreach (var key in renewed.Registration.RegistryKeys)
            {
                renewals.Enqueue(key, Id, renewed.Incarnation, next);
            }

            return renewed;
        }
    }

    /// <summary>A registry knows when this incarnation was heard from, before it came into memory here.</summary>
    public void HeardBefore(WorkerRecord heard, TimeSpan at)
    {
        lock (this)
        {
            if (!IsHeard && heard.Incarnation == record?.Incarnation)
            {
                IsHeard = true;
                liveness = liveness with { HeardAt = at };
            }
        }
    }

    /// <summary>The worker's grain comes into memory; false where this object is not used any more.</summary>
    public bool TryEnter()
    {
        lock (this)
        {
            grains += removed ? (ushort)0 : (ushort)1;
            return !removed;
        }
    }

    /// <summary>Ends when nobody occupies it. With a grain in memory nobody will from then on.</summary>
    public Task Vacated()
    {
        lock (this)
        {
            return occupied
                ? (Rare().Vacated ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task
                : Task.CompletedTask;
        }
    }

    /// <summary>
    /// The caller takes the place of the grain: false where that is in memory, or somebody else has taken it. Null where
    /// this object is not used any more.
    /// </summary>
    public bool? TryOccupy()
    {
        lock (this)
        {
            if (removed)
            {
                return null;
            }

            var isFree = grains == 0 && !occupied;
            occupied |= isFree;
            return isFree;
        }
    }

    /// <summary>The grain, or who has occupied the worker, is done with it.</summary>
    /// <param name="isGrain">Which of them.</param>
    /// <param name="remove">Runs where nothing is known of the worker, and nobody else is about to use this object.</param>
    public void Depart(bool isGrain, Action<LiveWorker> remove)
    {
        TaskCompletionSource? vacated = null;
        lock (this)
        {
            if (isGrain)
            {
                grains--;
            }
            else
            {
                occupied = false;
                vacated = rarities?.Vacated;
            }

            if (grains == 0 && !occupied && !removed && record is null)
            {
                removed = true;
                remove(this);
            }
        }

        if (vacated is not null)
        {
            Rare().Vacated = null;
            vacated.SetResult();
        }
    }

    /// <summary>The grain was called, so that it stays in memory for a while.</summary>
    public void Called(TimeSpan now)
    {
        lock (this)
        {
            calledAt = now;
        }
    }

    /// <summary>From now on heartbeats go to the grain, which waits until it is known whether the record goes.</summary>
    public void Leave(bool begins) => Volatile.Write(ref leaves, begins);

    /// <summary>What gateways say of its reachability.</summary>
    public void Hear(Suspicion next)
    {
        lock (this)
        {
            if (rarities is not null || !ReferenceEquals(next, Suspicion.None))
            {
                Rare().Suspicion = next;
            }

            liveness = liveness with { UnreachableUntil = ReferenceEquals(next, Suspicion.None) ? default : next.Until };
        }
    }

    /// <summary>The outcome of an active health check. One that ends after the lease says nothing new.</summary>
    /// <returns>What was known before it.</returns>
    public Liveness Checked(bool healthy, bool failing, TimeSpan now)
    {
        lock (this)
        {
            var (rare, before) = (Rare(), liveness);
            rare.HealthChecks++;
            rare.HealthCheckFailures += healthy ? 0 : 1;
            if (record is { } current && liveness.LeaseRuns(current.Registration.Lease, now))
            {
                liveness = liveness with { FailsCheck = failing };
            }

            return before;
        }
    }

    private Rarities Rare() => rarities ??= new();

    /// <summary>What most workers never have.</summary>
    private sealed class Rarities
    {
        public Suspicion Suspicion { get; set; } = Suspicion.None;

        public Guid[] EarlierOperations { get; set; } = [];

        /// <summary>Where the grain waits for who has occupied the worker.</summary>
        public TaskCompletionSource? Vacated { get; set; }

        public long HealthChecks { get; set; }

        public long HealthCheckFailures { get; set; }
    }
}
