using System.Collections.Immutable;
using Orleans.Services;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Takes heartbeats for one silo, which the sender knows to have the workers in memory. Each silo has one
/// (<see cref="SiloServices.HeartbeatsAt"/>), as it has one <see cref="LiveWorkers"/>.
/// </summary>
[Alias("mesh.IHeartbeatsService")]
public interface IHeartbeatsService : IGrainService
{
    /// <returns>As of <see cref="IHeartbeatsGrain.Renew"/>.</returns>
    [Alias("Renew")]
    Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats);
}
