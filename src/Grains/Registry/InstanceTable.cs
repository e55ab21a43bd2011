using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// The instances of one service type and their history: every decision of a registry grain, without clock, store or
/// messages. Times are of the caller's monotonic clock. Each operation costs the size of its own change, times the
/// logarithm of the number of instances where leases are ordered.
/// </summary>
internal sealed class InstanceTable(ServiceType serviceType, long epoch, long firstVersion, RegistryOptions options)
{
    private readonly Dictionary<WorkerId, Instance> instances = [];
    private readonly Dictionary<WorkerId, Instance> removed = [];
    private readonly ChangeList changes = new(options.RemovalsRemembered);
    private readonly LeaseQueue leases = new(options);

    /// <summary>When to look whether an instance is no longer to be avoided.</summary>
    private readonly PriorityQueue<Instance, TimeSpan> suspicions = new();
    private long version = firstVersion;

    public RegistryVersion Version => new(serviceType, epoch, version);

    public int Count => instances.Count;

    /// <summary>Whether it has held nobody yet, so that another in its place knows as much.</summary>
    public bool IsBlank => instances.Count == 0 && removed.Count == 0;

    public ServiceReport Report { get; private set; } = new(serviceType, default, default);

    /// <summary>When <see cref="Expire"/> has something to do next.</summary>
    public TimeSpan? NextDeadline => suspicions.TryPeek(out _, out var at) && !(leases.NextDeadline < at)
        ? at
        : leases.NextDeadline;

    public bool IsSuspected(WorkerId id, long incarnation) =>
        instances.TryGetValue(id, out var instance) && instance.Incarnation == incarnation && instance.Suspected;

    /// <summary>Which record it holds of each worker.</summary>
    public Dictionary<WorkerId, HeldRecord> Held() =>
        instances.ToDictionary(i => i.Key, i => new HeldRecord(i.Value.Incarnation, i.Value.Draining));

    /// <summary>Adds a worker, or replaces its earlier incarnation.</summary>
    public void Join(Joining joining, TimeSpan now)
    {
        var record = joining.Record;
        if (removed.TryGetValue(record.Id, out var gone) && gone.Incarnation >= record.Incarnation)
        {
            // The worker left; this message was overtaken on its way.
            return;
        }

        var leaseEnd = now - joining.Renewal.HeardAgo + record.Registration.Lease;
        if (!instances.TryGetValue(record.Id, out var instance))
        {
            instance = new Instance(record.Id) { Registration = record.Registration, AddedVersion = version + 1 };
            instances.Add(record.Id, instance);
            instance.LeaseEnd = leaseEnd;
            Describe(instance, record);
            Measure(instance, joining.Renewal, now);
            instance.Unreachable = instance.UnreachableUntil > now;
            if (leaseEnd <= now)
            {
                leases.AddLapsed(instance);
            }

            instance.State = instance.CurrentState();
            CountState(instance, +1);
            MarkChanged(instance, newRegistration: true);
            leases.Schedule(instance);
            return;
        }

        if (record.Incarnation < instance.Incarnation || (joining.IsFirst && record.Incarnation == instance.Incarnation))
        {
            return;
        }

        var newRegistration = record.Incarnation > instance.Incarnation;
        if (newRegistration)
        {
            CountState(instance, -1);
            Describe(instance, record);
            CountState(instance, +1);
            // A new process: the lease of the old one, which may be longer, says nothing about it.
            instance.LeaseEnd = leaseEnd;
            leases.Schedule(instance);
        }

        instance.Draining = record.Draining;
        Measure(instance, joining.Renewal, now);
        Revive(instance, leaseEnd, now);
        if (!SettleState(instance, now) && (newRegistration || LoadMoved(instance)))
        {
            MarkChanged(instance, newRegistration);
        }

        if (newRegistration)
        {
            instance.RegisteredVersion = version;
        }
    }

    /// <summary>Renews a lease; false where this incarnation is not held here.</summary>
    public bool Renew(in Renewal renewal, TimeSpan now)
    {
        if (!instances.TryGetValue(renewal.Id, out var instance))
        {
            return removed.TryGetValue(renewal.Id, out var gone) && gone.Incarnation >= renewal.Incarnation;
        }

        if (renewal.Incarnation != instance.Incarnation)
        {
            // An older one is late and of no use; a newer one has not joined here yet.
            return renewal.Incarnation < instance.Incarnation;
        }

        Measure(instance, renewal, now);
        Revive(instance, now - renewal.HeardAgo + instance.Registration.Lease, now);
        if (!SettleState(instance, now) && LoadMoved(instance))
        {
            MarkChanged(instance, newRegistration: false);
        }

        return true;
    }

    /// <summary>The leases that these heartbeats would renew; none of workers that are held at another incarnation.</summary>
    public IReadOnlyList<HeldLease> LeasesOf(ImmutableArray<WorkerHeartbeat> beats, TimeSpan now)
    {
        List<HeldLease> held = [];
        for (var i = 0; i < beats.Length; i++)
        {
            if (instances.TryGetValue(beats[i].Id, out var instance)
                && (beats[i].Beat.Incarnation ?? instance.Incarnation) == instance.Incarnation)
            {
                held.Add(instance.ToLease(i, beats[i].Beat, now));
            }
        }

        return held;
    }

    /// <summary>Removes a worker of this incarnation or an older one.</summary>
    public void Leave(WorkerId id, long incarnation)
    {
        if (!instances.TryGetValue(id, out var instance))
        {
            if (removed.TryGetValue(id, out var gone))
            {
                // It may have overtaken the join of the incarnation that it names.
                gone.Incarnation = Math.Max(gone.Incarnation, incarnation);
            }

            return;
        }

        if (instance.Incarnation > incarnation)
        {
            return;
        }

        instances.Remove(id);
        CountState(instance, -1);
        leases.Unlapse(instance);
        instance.Removed = true;
        instance.Incarnation = incarnation;
        removed[id] = instance;
        MarkChanged(instance, newRegistration: false);
        if (changes.Remember(instance) is { } dropped && removed.GetValueOrDefault(dropped.Id) == dropped)
        {
            removed.Remove(dropped.Id);
        }
    }

    /// <summary>Marks the workers whose lease has run out, and those that need no longer be avoided.</summary>
    /// <returns>Those that have been without a lease for so long that their records may go.</returns>
    public IReadOnlyList<Instance> Expire(TimeSpan now)
    {
        var due = leases.Expire(now, instances.Count);
        foreach (var instance in due.Settled)
        {
            SettleState(instance, now);
        }

        while (suspicions.TryPeek(out var instance, out var at) && at <= now)
        {
            suspicions.Dequeue();
            if (!instance.Removed)
            {
                SettleState(instance, now);
            }
        }

        return due.Forgettable;
    }

    /// <summary>What changed since a version that a watcher has; the whole list where it can't be told.</summary>
    public InstanceChanges ChangesSince(RegistryVersion? known)
    {
        if (known is { } from && from.Epoch == epoch && from.Version <= version && from.Version >= changes.CompleteSince)
        {
            // Longer than the list by the remembered removals at most, and it says what happened, which followers want
            // to know.
            var tail = changes.Since(from.Version);
            return new(serviceType, epoch, from.Version, version, [.. tail.Select(i => i.ToChange(from.Version))]);
        }

        return new(serviceType, epoch, 0, version, [.. instances.Values.Select(i => i.ToChange(0))]);
    }

    /// <summary>Time since this incarnation was last heard from; null where it is not held here.</summary>
    public TimeSpan? HeardAgo(WorkerId id, long incarnation, TimeSpan now) =>
        instances.TryGetValue(id, out var instance) && instance.Incarnation == incarnation ? HeardAgo(instance, now) : null;

    public ImmutableArray<Heard> LastHeard(TimeSpan now) =>
        [.. instances.Values.Select(i => new Heard(i.Id, HeardAgo(i, now)))];

    private static TimeSpan HeardAgo(Instance instance, TimeSpan now) =>
        now - instance.LeaseEnd + instance.Registration.Lease;

    private void Measure(Instance instance, in Renewal renewal, TimeSpan now)
    {
        instance.Degraded = renewal.Degraded;
        instance.Load = renewal.Load;
        instance.ActiveRequests = renewal.ActiveRequests;
        instance.UnreachableUntil = now + renewal.UnreachableFor;
        if (renewal.UnreachableFor > TimeSpan.Zero)
        {
            suspicions.Enqueue(instance, instance.UnreachableUntil);
        }
    }

    private bool LoadMoved(Instance instance) =>
        Math.Abs(instance.Load - instance.AnnouncedLoad) >= options.LoadStep;

    private void Describe(Instance instance, WorkerRecord record)
    {
        instance.Incarnation = record.Incarnation;
        instance.Registration = record.Registration;
        instance.Draining = record.Draining;
        instance.IsPrimary = record.Registration.RegistryKeys[0] == serviceType;
    }

    private void Revive(Instance instance, TimeSpan leaseEnd, TimeSpan now)
    {
        // Renewals may overtake each other; the latest heartbeat counts.
        instance.LeaseEnd = leaseEnd > instance.LeaseEnd ? leaseEnd : instance.LeaseEnd;
        if (instance.Lapsed && instance.LeaseEnd > now)
        {
            leases.Unlapse(instance);
            leases.Schedule(instance);
        }
    }

    /// <summary>Announces the state, and whether to avoid it, where they differ from what was announced last.</summary>
    private bool SettleState(Instance instance, TimeSpan now)
    {
        var state = instance.CurrentState();
        var unreachable = instance.UnreachableUntil > now;
        if (state == instance.State && unreachable == instance.Unreachable)
        {
            return false;
        }

        instance.Unreachable = unreachable;
        CountState(instance, -1);
        instance.State = state;
        CountState(instance, +1);
        MarkChanged(instance, newRegistration: false);
        return true;
    }

    private void MarkChanged(Instance instance, bool newRegistration)
    {
        instance.Version = ++version;
        instance.AnnouncedLoad = instance.Load;
        if (newRegistration)
        {
            instance.RegisteredVersion = version;
        }

        changes.Touch(instance);
    }

    private void CountState(Instance instance, int by) => Report = new(
        serviceType,
        Report.Workers.Move(instance.State, by),
        instance.IsPrimary ? Report.Primary.Move(instance.State, by) : Report.Primary);
}
