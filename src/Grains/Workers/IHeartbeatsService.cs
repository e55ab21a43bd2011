using System.Collections.Immutable;
using Orleans.Services;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Takes the heartbeats of many workers in one message, and renews those leases whose workers its silo has in memory. Each
/// silo has one (<see cref="SiloServices.HeartbeatsAt"/>), as it has one <see cref="LiveWorkers"/>.
/// </summary>
[Alias("mesh.IHeartbeatsService")]
public interface IHeartbeatsService : IGrainService
{
    /// <returns>An answer for each, in order; null where the worker's grain has to be called.</returns>
    [Alias("Renew")]
    Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats);
}
