using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Takes the heartbeats of many workers in one message. A stateless worker (any key): it runs on the silo that the
/// message comes to, and renews what that silo has in memory (<see cref="LiveWorkers"/>).
/// </summary>
[Alias("mesh.IHeartbeatsGrain")]
public interface IHeartbeatsGrain : IGrainWithIntegerKey
{
    /// <returns>An answer for each, in order; null where the worker's grain has to be called.</returns>
    [Alias("Renew")]
    Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats);
}

/// <summary>One of the heartbeats of many workers.</summary>
/// <param name="Id">Whose it is.</param>
/// <param name="Beat">What it says.</param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerHeartbeat")]
public readonly record struct WorkerHeartbeat(WorkerId Id, Heartbeat Beat);
