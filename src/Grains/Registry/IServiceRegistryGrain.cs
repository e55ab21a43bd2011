using System.Collections.Immutable;
using Orleans.Concurrency;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// The instances of one service type, keyed by its name, with a version that only grows. Reads them from the store when
/// it comes into memory (<see cref="Storage.StoreUnavailableException"/> where that fails: an empty list would be a
/// lie) and from then on is told. Expires leases by itself.
/// </summary>
[Alias("mesh.IServiceRegistryGrain")]
public interface IServiceRegistryGrain : IGrainWithStringKey
{
    /// <summary>
    /// Adds a worker or replaces its earlier incarnation. Repeating it, or an older incarnation, changes nothing.
    /// </summary>
    [Alias("Join")]
    Task<RegistryVersion> Join(Joining joining);

    /// <summary>Renews the leases of many workers at once.</summary>
    [Alias("Renew")]
    Task<RenewalAnswer> Renew(ImmutableArray<Renewal> renewals);

    /// <summary>Removes a worker of this incarnation or an older one.</summary>
    [Alias("Leave")]
    Task<RegistryVersion> Leave(WorkerId id, long incarnation);

    /// <summary>Joins and leaves of different workers, in order: as one by one, with one answer.</summary>
    [Alias("JoinOrLeave")]
    Task<RegistryVersion> JoinOrLeave(ImmutableArray<MembershipChange> changes);

    /// <summary>
    /// Subscribes a watcher, or renews its subscription, and answers with what changed since <paramref name="known"/>:
    /// the changes, or the whole list where that is shorter or the version is of another activation.
    /// </summary>
    [Alias("Watch")]
    Task<InstanceChanges> Watch(IRegistryWatcher watcher, RegistryVersion? known);

    /// <summary>Ends a subscription. Subscriptions that are not renewed end by themselves.</summary>
    [Alias("Unwatch")]
    Task Unwatch(IRegistryWatcher watcher);

    /// <summary>
    /// Whether this worker's lease ran out together with most others', which is no proof that it died.
    /// </summary>
    [ReadOnly, Alias("IsSuspected")]
    Task<bool> IsSuspected(WorkerId id, long incarnation);

    /// <summary>What changed since a version, without subscribing.</summary>
    [ReadOnly, Alias("Changes")]
    Task<InstanceChanges> Changes(RegistryVersion? known);

    /// <summary>
    /// How long ago this worker's lease was last renewed, as far as this registry has heard; null where it does not hold
    /// this incarnation.
    /// </summary>
    [ReadOnly, Alias("HeardAgo")]
    Task<TimeSpan?> HeardAgo(WorkerId id, long incarnation);

    /// <summary>How long ago each worker's lease was last renewed, as far as this registry has heard.</summary>
    [ReadOnly, Alias("LastHeard")]
    Task<ImmutableArray<Heard>> LastHeard();

    /// <summary>The workers by state.</summary>
    [ReadOnly, Alias("Count")]
    Task<ServiceReport> Count();
}

/// <summary>
/// Receives changes as they happen. Best effort: a receiver that sees a gap calls <see
/// cref="IServiceRegistryGrain.Watch"/>.
/// </summary>
[Alias("mesh.IRegistryWatcher")]
public interface IRegistryWatcher : IGrainObserver
{
    [OneWay, Alias("OnChanges")]
    Task OnChanges(InstanceChanges changes);
}
