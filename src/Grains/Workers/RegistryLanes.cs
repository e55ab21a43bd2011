using System.Collections.Concurrent;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>Carries to the registries which workers of this silo join or leave them.</summary>
internal sealed class RegistryLanes(LocalRegistries registries, IGrainFactory grains, TimeProvider clock)
{
    /// <summary>One lane for each service type that a worker of this silo offers.</summary>
    private readonly ConcurrentDictionary<ServiceType, RegistryLane> lanes = new();

    /// <summary>
    /// Tells a registry what is true of a worker by then: that it belongs there, or does not. Fails where that call
    /// fails; it is then for the caller to tell it again.
    /// </summary>
    public Task<RegistryVersion> Tell(ServiceType key, LiveWorker worker) =>
        (lanes.TryGetValue(key, out var lane) ? lane : lanes.GetOrAdd(key, k => new(k, registries, grains, clock))).Tell(worker);
}
