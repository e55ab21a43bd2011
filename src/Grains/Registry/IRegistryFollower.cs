using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// Follows registries of its own process: what an <see cref="IRegistryWatcher"/> is sent it is told on the spot, in order.
/// </summary>
public interface IRegistryFollower
{
    /// <summary>Whether it wants to hear of this service type.</summary>
    /// <param name="serviceType">The service type.</param>
    bool Follows(ServiceType serviceType);

    /// <summary>
    /// Takes what changed. It holds up the registry and who has changed it: it must be quick, call no registry, and not
    /// throw.
    /// </summary>
    /// <param name="changes">What changed.</param>
    void OnChanges(InstanceChanges changes);
}
