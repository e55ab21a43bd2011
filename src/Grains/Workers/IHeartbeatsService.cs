using System.Collections.Immutable;
using Orleans.Services;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

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

    /// <summary>
    /// Renews leases in the registries that the silo has in memory, for workers whose grains don't know them: the store has
    /// not answered since the grain came into memory, or the grain was lost with its silo. Nothing but the registries hears of it.
    /// </summary>
    /// <returns>
    /// An answer for each, in order; null, with nothing changed, where no registry here holds the worker, or it holds another
    /// incarnation than the heartbeat names.
    /// </returns>
    [Alias("RenewInRegistries")]
    Task<ImmutableArray<HeartbeatAnswer?>> RenewInRegistries(ImmutableArray<WorkerHeartbeat> beats);

    /// <summary>Renews leases in a registry, where the silo has it in memory (<see cref="RenewalDetour"/>).</summary>
    /// <returns>What the registry answers; null, with nothing changed, where it is not here.</returns>
    [Alias("RenewIfHere")]
    Task<RenewalAnswer?> RenewIfHere(ServiceType registry, ImmutableArray<Renewal> renewals);
}
