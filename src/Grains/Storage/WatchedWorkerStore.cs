using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Memory;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// A store whose failures operators hear of: callers tell their clients, who are others. And which takes no further
/// workers where this process has no memory for them: they would be read again by the next process, which would have none
/// either.
/// </summary>
internal sealed class WatchedWorkerStore : IWorkerStore, IAsyncDisposable
{
    private readonly IWorkerStore inner;
    private readonly MemoryLimit memory;
    private readonly StoreOutage additions;
    private readonly StoreOutage changes;
    private readonly StoreOutage reads;

    public WatchedWorkerStore(
        IWorkerStore inner, MemoryLimit memory, IMeterFactory meters, TimeProvider clock, ILogger<WatchedWorkerStore> logger)
    {
        this.inner = inner;
        this.memory = memory;
        var failures = meters.Create(SiloMetrics.MeterName).CreateCounter<long>(
            "mesh.store.failures", "{operation}", "Operations of the store that failed.");
        additions = new("New workers can't be stored", failures, clock, logger);
        changes = new("Changes of workers can't be stored", failures, clock, logger);
        reads = new("Workers can't be read from the store", failures, clock, logger);
    }

    public Task InitializeAsync(CancellationToken cancellationToken) => inner.InitializeAsync(cancellationToken);

    public Task<StoredWorker> ReadAsync(WorkerId id, CancellationToken cancellationToken) =>
        reads.Watch(inner.ReadAsync(id, cancellationToken));

    public Task<bool> SaveAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        changes.Watch(inner.SaveAsync(record, cancellationToken));

    public Task<bool> AddAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        additions.Watch(memory.IsShort ? Task.FromException<bool>(NoMemory()) : inner.AddAsync(record, cancellationToken));

    public Task<IReadOnlyList<bool>> AddAllAsync(IReadOnlyList<WorkerRecord> records, CancellationToken cancellationToken) =>
        additions.Watch(memory.IsShort
            ? Task.FromException<IReadOnlyList<bool>>(NoMemory())
            : inner.AddAllAsync(records, cancellationToken));

    public Task<bool> SetDrainingAsync(WorkerId id, long incarnation, bool draining, CancellationToken cancellationToken) =>
        changes.Watch(inner.SetDrainingAsync(id, incarnation, draining, cancellationToken));

    public Task<bool> RemoveAsync(WorkerId id, long incarnation, CancellationToken cancellationToken) =>
        changes.Watch(inner.RemoveAsync(id, incarnation, cancellationToken));

    public Task<IReadOnlyList<WorkerRecord>> ReadPageAsync(WorkerPage page, CancellationToken cancellationToken) =>
        reads.Watch(inner.ReadPageAsync(page, cancellationToken));

    public Task<IReadOnlyList<ServiceType>> ReadServiceTypesAsync(CancellationToken cancellationToken) =>
        reads.Watch(inner.ReadServiceTypesAsync(cancellationToken));

    public ValueTask DisposeAsync() => inner is IAsyncDisposable disposable ? disposable.DisposeAsync() : default;

    private StoreUnavailableException NoMemory() =>
        new($"The silo is short of {memory.Name} and takes no further workers.") { NotBegun = true };
}
