using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// The durable registrations, keyed by worker id, and which registry keys each belongs to. Writes are acknowledged
/// after their commit; concurrent ones are grouped into one transaction, in the order of the calls. A write never
/// overwrites a higher incarnation, so a second activation of the same worker grain cannot undo the first. Every method
/// throws <see cref="StoreUnavailableException"/> where the database does not answer in time; whether a write took
/// effect is then unknown.
/// </summary>
public interface IWorkerStore
{
    /// <summary>Brings the schema up to date. Idempotent, and safe when several silos call it at once.</summary>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>Reads one worker. Concurrent reads are grouped into one query.</summary>
    Task<StoredWorker> ReadAsync(WorkerId id, CancellationToken cancellationToken);

    /// <summary>
    /// Stores a registration, replacing the one with a lower incarnation.
    /// </summary>
    /// <returns>
    /// False, with nothing changed, where the stored incarnation is as high or higher, or where nothing is stored and
    /// the incarnation is not above <see cref="StoredWorker.IncarnationFloor"/>.
    /// </returns>
    Task<bool> SaveAsync(WorkerRecord record, CancellationToken cancellationToken);

    /// <summary>
    /// Stores the registration of a worker that is taken to be new. Refused for good once the worker was removed again:
    /// the floor is above it then.
    /// </summary>
    /// <returns>
    /// False, with nothing changed, where anything is stored, or the incarnation is not above <see
    /// cref="StoredWorker.IncarnationFloor"/>.
    /// </returns>
    Task<bool> AddAsync(WorkerRecord record, CancellationToken cancellationToken);

    /// <summary>Stores the registrations of several workers as <see cref="AddAsync"/> does, all of them in one commit.</summary>
    /// <returns>For each, in order, what that would have returned.</returns>
    Task<IReadOnlyList<bool>> AddAllAsync(IReadOnlyList<WorkerRecord> records, CancellationToken cancellationToken);

    /// <summary>
    /// Sets or clears the draining mark of exactly this incarnation; false where another or none is stored.
    /// </summary>
    Task<bool> SetDrainingAsync(WorkerId id, long incarnation, bool draining, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a registration of this incarnation or a lower one, and raises the incarnation floor, by one at least and
    /// to the removed number, so that the id starts above it when it comes back, and that nothing is added any more on
    /// the word of who knew the floor of before. False where a higher one or none is stored.
    /// </summary>
    Task<bool> RemoveAsync(WorkerId id, long incarnation, CancellationToken cancellationToken);

    /// <summary>A page of registrations in the ordinal order of their ids.</summary>
    Task<IReadOnlyList<WorkerRecord>> ReadPageAsync(WorkerPage page, CancellationToken cancellationToken);

    /// <summary>
    /// The service types that at least one stored worker offers, and <see cref="ServiceType.None"/> if any offers none.
    /// </summary>
    Task<IReadOnlyList<ServiceType>> ReadServiceTypesAsync(CancellationToken cancellationToken);
}

/// <summary>What the store knows of a worker id.</summary>
/// <param name="Record">The registration, or null.</param>
/// <param name="IncarnationFloor">
/// No lower than any incarnation ever removed, of any worker, and higher after each removal: a new id starts above it.
/// </param>
public readonly record struct StoredWorker(WorkerRecord? Record, long IncarnationFloor);

/// <summary>Which registrations a page holds.</summary>
/// <param name="Limit">At most so many, 1 or more.</param>
/// <param name="After">Only ids after this one.</param>
/// <param name="RegistryKey">Only workers of this registry key.</param>
/// <param name="Zone">Only workers of this zone.</param>
public sealed record WorkerPage(int Limit, WorkerId? After = null, ServiceType? RegistryKey = null, string? Zone = null);
