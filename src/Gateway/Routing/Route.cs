using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// One service type as this gateway knows it: a long-lived identity whose snapshot is replaced as changes come in.
/// Requests only read; changes are applied under a lock that no request takes.
/// </summary>
internal sealed class Route
{
    private readonly WorkerLinks links;
    private readonly TimeProvider clock;
    private readonly RouteTiers tiers;
    private readonly Lock gate = new();
    private readonly Dictionary<WorkerId, Instance> instances = [];
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RouteSnapshot? snapshot;
    private long usedAtTicks;
    private int holders;

    public Route(ServiceType serviceType, WorkerLinks links, TimeProvider clock, RouteSettings settings)
    {
        ServiceType = serviceType;
        this.links = links;
        this.clock = clock;
        tiers = new(settings.Zone);
        Retries = new(settings.RetryShare);
        Queue = new(() => Snapshot, clock, settings.Queue);
    }

    public ServiceType ServiceType { get; }

    /// <summary>Null until the registry has answered once.</summary>
    public RouteSnapshot? Snapshot => Volatile.Read(ref snapshot);

    /// <summary>Ends when there is a snapshot.</summary>
    public Task Ready => ready.Task;

    /// <summary>Ends at the next change. Read it before the snapshot, or a change in between is missed.</summary>
    public Task Changed => Volatile.Read(ref changed).Task;

    /// <summary>What happened last, for those who follow it.</summary>
    public RouteHistory History { get; } = new();

    /// <summary>What requests that fail may add to those that come.</summary>
    public RetryBudget Retries { get; }

    /// <summary>Where requests wait while every worker is at its limit.</summary>
    public RequestQueue Queue { get; }

    /// <summary>What was counted on this route.</summary>
    public Stats.RouteStats Stats { get; } = new();

    public TimeSpan UsedAt => new(Volatile.Read(ref usedAtTicks));

    /// <summary>Whether somebody follows it, so that it must not be dropped.</summary>
    public bool Held => Volatile.Read(ref holders) > 0;

    public void Use(TimeSpan now)
    {
        // Written rarely: every core writing one word at each request would slow all of them down.
        if (now.Ticks - Volatile.Read(ref usedAtTicks) > TimeSpan.TicksPerSecond)
        {
            Volatile.Write(ref usedAtTicks, now.Ticks);
        }
    }

    /// <summary>Keeps the route while somebody follows it.</summary>
    public void Hold() => Interlocked.Increment(ref holders);

    public void LetGo() => Interlocked.Decrement(ref holders);

    /// <summary>
    /// Applies what the registry says. An answer to a question is the truth whatever it follows on; a push counts only
    /// where it follows on from what is known.
    /// </summary>
    /// <returns>False where changes are missing in between: the registry has to be asked.</returns>
    public bool Apply(InstanceChanges changes, bool isAnswer)
    {
        lock (gate)
        {
            var known = snapshot?.Version;
            if (known is not { } version || version.Epoch != changes.Epoch)
            {
                if (!changes.IsFull || !isAnswer)
                {
                    return false;
                }

                Replace(changes);
            }
            else if (changes.To <= version.Version)
            {
                return true;
            }
            else if (changes.IsFull)
            {
                Replace(changes);
            }
            else if (changes.From > version.Version)
            {
                return false;
            }
            else
            {
                Merge(changes, version.Version);
            }
        }

        return true;
    }

    /// <summary>The link to a worker on this route, or null.</summary>
    public WorkerLink? LinkOf(WorkerId id)
    {
        lock (gate)
        {
            return instances.GetValueOrDefault(id)?.Link;
        }
    }

    /// <summary>The route is dropped; nobody holds it.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            foreach (var instance in instances.Values)
            {
                instance.Link.Unlist(instance);
                links.Release(instance.Link);
            }

            instances.Clear();
        }
    }

    private void Merge(InstanceChanges changes, long after)
    {
        var structural = false;
        foreach (var change in changes.Changes)
        {
            if (change.Version > after && ApplyOne(change))
            {
                structural = true;
                Sort(change.Id);
            }
        }

        Publish(new(ServiceType, changes.Epoch, changes.To), structural);
        OfferPlaces(changes);
    }

    private void Replace(InstanceChanges changes)
    {
        // As differences, so that followers and links see what really changed.
        var listed = changes.Changes.Select(c => c.Id).ToHashSet();
        foreach (var gone in instances.Keys.Where(id => !listed.Contains(id)).ToList())
        {
            Remove(gone, changes.To);
        }

        foreach (var change in changes.Changes)
        {
            ApplyOne(change);
        }

        tiers.Fill(instances.Values);
        Publish(new(ServiceType, changes.Epoch, changes.To), structural: true);
        OfferPlaces(changes);
    }

    /// <returns>Whether the tiers change: not where only its load did.</returns>
    private bool ApplyOne(InstanceChange change)
    {
        if (change.Removed)
        {
            return Remove(change.Id, change.Version);
        }

        if (!instances.TryGetValue(change.Id, out var instance))
        {
            if (change.Registration is not { } registration)
            {
                // Joined and changed since, and left before this was sent: a later change says so.
                return false;
            }

            var link = links.Acquire(change.Id);
            link.Follow(change.Incarnation);
            instance = new(link, InstanceInfo.From(change, registration), Queue);
            instances.Add(change.Id, instance);
            link.List(instance);
            link.Doubt(change.Unreachable, clock.Elapsed());
            History.Add(new(change.Version, RouteEventKind.Added, instance.Link.Id, instance.Info));
            return true;
        }

        var before = instance.Info;
        var after = InstanceInfo.From(change, change.Registration ?? before.Registration);
        if (before == after)
        {
            return false;
        }

        instance.Update(after);
        instance.Link.Follow(change.Incarnation);
        instance.Link.Doubt(change.Unreachable, clock.Elapsed());
        History.Add(new(change.Version, RouteEventKind.Changed, instance.Link.Id, after));
        return before.State != after.State
            || before.Registration.Zone != after.Registration.Zone
            || before.Registration.Weight != after.Registration.Weight;
    }

    private bool Remove(WorkerId id, long version)
    {
        if (!instances.Remove(id, out var instance))
        {
            return false;
        }

        tiers.Remove(instance);
        instance.Link.Unlist(instance);
        links.Release(instance.Link);
        History.Add(new(version, RouteEventKind.Removed, id, instance.Info));
        return true;
    }

    private void Sort(WorkerId id)
    {
        if (instances.TryGetValue(id, out var instance))
        {
            tiers.Put(instance);
        }
    }

    /// <summary>A worker that joined, came back or takes more may have places for those who wait.</summary>
    private void OfferPlaces(InstanceChanges changes)
    {
        if (Queue.IsEmpty)
        {
            return;
        }

        foreach (var change in changes.Changes)
        {
            if (instances.TryGetValue(change.Id, out var instance) && instance.Info.State == WorkerState.Online)
            {
                instance.Link.Offer();
            }
        }
    }

    private void Publish(RegistryVersion version, bool structural)
    {
        var next = structural || snapshot is null
            ? tiers.Snapshot(version)
            : snapshot with { Version = version };
        History.Advance(version);
        Volatile.Write(ref snapshot, next);
        ready.TrySetResult();
        Interlocked.Exchange(ref changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }
}
