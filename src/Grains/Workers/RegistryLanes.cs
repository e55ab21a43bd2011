using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>Carries to the registries which workers of this silo join or leave them.</summary>
internal sealed class RegistryLanes(LocalRegistries registries, IGrainFactory grains, TimeProvider clock)
{
    private readonly LaneTable<RegistryLane> lanes = new(key => new(key, registries, grains, clock));

    /// <summary>
    /// Tells a registry what is true of a worker by then: that it belongs there, or does not. Fails where that call
    /// fails; it is then for the caller to tell it again.
    /// </summary>
    public Task<RegistryVersion> Tell(ServiceType key, LiveWorker worker) =>
        lanes.Use(key, worker, static (lane, told) => lane.TryTell(told));

    /// <summary>Gives up what was not used since it was called last.</summary>
    public void Sweep() => lanes.Sweep();
}
