using System.Collections.Immutable;
using Orleans.Services;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Registers workers that are taken to be new, many in one message and without their grains, which come into memory when
/// they are first called and read the store then. Each silo has one (<see cref="SiloServices.RegistrationsAt"/>), and any
/// of them does.
/// </summary>
[Alias("mesh.IRegistrationsService")]
public interface IRegistrationsService : IGrainService
{
    /// <summary>Stores those that are not stored yet, and tells their registries.</summary>
    /// <param name="workers">The workers, without active health checks: those are their grains' to make.</param>
    /// <param name="floor">
    /// The incarnation floor as the caller knows it (<see cref="StoredWorker.IncarnationFloor"/>).
    /// </param>
    /// <returns>An answer for each, in order.</returns>
    [Alias("Add")]
    Task<ImmutableArray<NewWorkerAnswer>> Add(ImmutableArray<NewWorker> workers, long floor);
}

/// <summary>A worker that registers for the first time, as far as the sender knows.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Registration">What it says about itself.</param>
/// <param name="OperationId">As of <see cref="IWorkerGrain.Register"/>.</param>
[GenerateSerializer, Immutable, Alias("mesh.NewWorker")]
public readonly record struct NewWorker(WorkerId Id, Registration Registration, Guid OperationId);

/// <summary>What became of it.</summary>
/// <param name="Answer">
/// As of <see cref="IWorkerGrain.Register"/> with a guessed basis; null where the grain has to be called.
/// </param>
/// <param name="Failure">
/// In place of an answer the message of a <see cref="StoreUnavailableException"/>: others may be stored all the same.
/// </param>
/// <param name="NotBegun">As of that exception.</param>
/// <param name="HasRegistry">
/// Whether the silo has the registry of the worker's first service type in memory: then others of it are best sent there,
/// too, where they cost no message to another silo.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.NewWorkerAnswer")]
public readonly record struct NewWorkerAnswer(RegisterAnswer? Answer, string? Failure = null, bool NotBegun = false, bool HasRegistry = false);
