using System.Collections.Concurrent;
using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// The registries that this silo has in memory, and a way to tell them something without a call, which takes a message,
/// a turn and an answer, on another thread each.
/// </summary>
public sealed class LocalRegistries
{
    /// <summary>By service type; by grain, because the next of one may come before the last one is gone.</summary>
    private readonly ConcurrentDictionary<ServiceType, ServiceRegistryGrain> registries = new();
    private volatile IRegistryFollower? follower;

    internal LocalRegistries()
    {
    }

    /// <summary>Who follows them in this process, if anybody does.</summary>
    public IRegistryFollower? Follower
    {
        get => follower;
        set => follower = value;
    }

    internal IReadOnlyCollection<ServiceType> Types => [.. registries.Keys];

    internal bool Has(ServiceType type) => registries.ContainsKey(type);

    internal void Enter(ServiceType type, ServiceRegistryGrain registry) => registries[type] = registry;

    internal void Leave(ServiceType type, ServiceRegistryGrain registry) => registries.TryRemove(new(type, registry));

    /// <summary>Which record a registry holds of each worker; null where it is not here, or has not read the store yet.</summary>
    internal Dictionary<WorkerId, HeldRecord>? HeldBy(ServiceType type) =>
        registries.TryGetValue(type, out var registry) ? registry.Held() : null;

    /// <summary>Tells a registry that a worker joins or leaves it.</summary>
    /// <param name="type">Which registry.</param>
    /// <param name="change">
    /// Says what is true of the worker, and is asked when the registry can be told nothing else meanwhile: so what was true
    /// before never comes after it.
    /// </param>
    /// <returns>Null, with nothing changed, where the registry has to be called.</returns>
    internal RegistryVersion? TryTell(ServiceType type, Func<MembershipChange> change) =>
        registries.TryGetValue(type, out var registry) ? registry.TryTell(change) : null;

    /// <summary>Renews the leases of many workers.</summary>
    /// <returns>Null, with nothing changed, where the registry has to be called.</returns>
    internal RenewalAnswer? TryRenew(ServiceType type, ImmutableArray<Renewal> renewals) =>
        registries.TryGetValue(type, out var registry) ? registry.TryRenew(renewals) : null;

    /// <summary>The leases that heartbeats would renew, of each registry that holds any of the workers.</summary>
    internal IEnumerable<(ServiceType Registry, IReadOnlyList<HeldLease> Leases)> LeasesOf(ImmutableArray<WorkerHeartbeat> beats) =>
        registries.Select(pair => (Registry: pair.Key, Leases: pair.Value.LeasesOf(beats))).Where(held => held.Leases.Count > 0);
}
