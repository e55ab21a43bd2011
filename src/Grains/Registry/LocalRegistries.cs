using System.Collections.Concurrent;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Registry;

/// <summary>Which registries this silo has in memory.</summary>
internal sealed class LocalRegistries
{
    /// <summary>By service type; by grain, because the next of one may come before the last one is gone.</summary>
    private readonly ConcurrentDictionary<ServiceType, ServiceRegistryGrain> registries = new();

    public bool Has(ServiceType type) => registries.ContainsKey(type);

    public void Enter(ServiceType type, ServiceRegistryGrain registry) => registries[type] = registry;

    public void Leave(ServiceType type, ServiceRegistryGrain registry) => registries.TryRemove(new(type, registry));
}
