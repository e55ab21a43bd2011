using System.Collections.Concurrent;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>A database that all silos of a test share, and that fails when it is told to.</summary>
internal sealed class MemoryWorkerStore : IWorkerStore
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<WorkerId, WorkerRecord> records = [];
    private readonly ConcurrentDictionary<StoreOperation, StoreHold> holds = new();
    private readonly ConcurrentDictionary<StoreOperation, StoreHold> answerHolds = new();
    private readonly ConcurrentDictionary<StoreOperation, int> calls = new();
    private readonly ConcurrentDictionary<StoreOperation, bool> losingAnswers = new();
    private long floor;
    private volatile bool unavailable;

    /// <summary>Whether every operation fails without effect.</summary>
    public bool Unavailable
    {
        get => unavailable;
        set => unavailable = value;
    }

    /// <summary>The one kind of operation that fails without effect, if any.</summary>
    public StoreOperation? Failing { get; set; }

    /// <summary>Operations of this kind wait until the hold is released.</summary>
    public StoreHold Hold(StoreOperation operation) => holds[operation] = new(() => holds.TryRemove(operation, out _));

    /// <summary>Operations of this kind take effect, and their answers wait until the hold is released.</summary>
    public StoreHold HoldAnswers(StoreOperation operation) =>
        answerHolds[operation] = new(() => answerHolds.TryRemove(operation, out _));

    /// <summary>The next operation of this kind takes effect, and fails all the same.</summary>
    public void LoseNextAnswer(StoreOperation operation) => losingAnswers[operation] = true;

    public int Calls(StoreOperation operation) => calls.GetValueOrDefault(operation);

    /// <summary>The record as it is stored.</summary>
    public WorkerRecord? Peek(WorkerId id)
    {
        lock (gate)
        {
            return records.GetValueOrDefault(id);
        }
    }

    /// <summary>Stores or removes a record behind the grains' backs.</summary>
    public void Poke(WorkerId id, WorkerRecord? record)
    {
        lock (gate)
        {
            if (record is null)
            {
                records.Remove(id);
            }
            else
            {
                records[id] = record;
            }
        }
    }

    public Task InitializeAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<StoredWorker> ReadAsync(WorkerId id, CancellationToken cancellationToken) =>
        Run(StoreOperation.Read, () => new StoredWorker(records.GetValueOrDefault(id), floor));

    public Task<bool> SaveAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        Run(StoreOperation.Save, () =>
        {
            var above = records.TryGetValue(record.Id, out var stored) ? stored.Incarnation : floor;
            if (record.Incarnation <= above)
            {
                return false;
            }

            records[record.Id] = record;
            return true;
        });

    public Task<bool> AddAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        Run(StoreOperation.Add, () => Add(record));

    public Task<IReadOnlyList<bool>> AddAllAsync(IReadOnlyList<WorkerRecord> records, CancellationToken cancellationToken) =>
        Run<IReadOnlyList<bool>>(StoreOperation.Add, () => [.. records.Select(Add)]);

    public Task<bool> SetDrainingAsync(
        WorkerId id, long incarnation, bool draining, CancellationToken cancellationToken) =>
        Run(StoreOperation.SetDraining, () =>
        {
            if (records.GetValueOrDefault(id) is not { } stored || stored.Incarnation != incarnation)
            {
                return false;
            }

            records[id] = stored with { Draining = draining };
            return true;
        });

    public Task<bool> RemoveAsync(WorkerId id, long incarnation, CancellationToken cancellationToken) =>
        Run(StoreOperation.Remove, () =>
        {
            if (records.GetValueOrDefault(id) is not { } stored || stored.Incarnation > incarnation)
            {
                return false;
            }

            floor = Math.Max(floor + 1, stored.Incarnation);
            return records.Remove(id);
        });

    public Task<IReadOnlyList<WorkerRecord>> ReadPageAsync(WorkerPage page, CancellationToken cancellationToken) =>
        Run<IReadOnlyList<WorkerRecord>>(StoreOperation.ReadPage, () =>
        [
            .. records.Values
                .Where(r => page.After is not { } after || r.Id > after)
                .Where(r => page.RegistryKey is not { } key || r.Registration.RegistryKeys.Contains(key))
                .Where(r => page.Zone is not { } zone || r.Registration.Zone == zone)
                .Take(page.Limit),
        ]);

    public Task<IReadOnlyList<ServiceType>> ReadServiceTypesAsync(CancellationToken cancellationToken) =>
        Run<IReadOnlyList<ServiceType>>(
            StoreOperation.ReadServiceTypes,
            () => [.. records.Values.SelectMany(r => r.Registration.RegistryKeys).Distinct()]);

    private bool Add(WorkerRecord record)
    {
        if (records.TryGetValue(record.Id, out var stored))
        {
            return (stored.Incarnation, stored.OperationId) == (record.Incarnation, record.OperationId);
        }

        if (record.Incarnation > floor)
        {
            records[record.Id] = record;
        }

        return record.Incarnation > floor;
    }

    private async Task<T> Run<T>(StoreOperation operation, Func<T> run)
    {
        calls.AddOrUpdate(operation, 1, (_, count) => count + 1);
        // Real databases answer later, on another thread.
        await Task.Yield();
        if (holds.TryGetValue(operation, out var hold))
        {
            await hold.Enter();
        }

        ThrowIf(unavailable || Failing == operation);
        T result;
        lock (gate)
        {
            result = run();
        }

        ThrowIf(losingAnswers.TryRemove(operation, out _));
        if (answerHolds.TryGetValue(operation, out var answerHold))
        {
            await answerHold.Enter();
        }

        return result;
    }

    private static void ThrowIf(bool failing)
    {
        if (failing)
        {
            throw new StoreUnavailableException("The test's database does not answer.");
        }
    }
}
