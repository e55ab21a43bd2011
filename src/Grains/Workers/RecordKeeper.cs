using System.Collections.Immutable;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Reads and changes a worker's record, in the store and in memory, for the one who may at the time: its grain, or a
/// registration beside it (<see cref="DirectRegistrations"/>).
/// </summary>
/// <param name="worker">The worker.</param>
/// <param name="store">Where its record is.</param>
/// <param name="registries">Are told what became of it.</param>
/// <param name="grains">Reaches the catalog.</param>
/// <param name="clock">Tells the time.</param>
/// <param name="onRecord">Hears that the store was read, or a registration stored.</param>
/// <param name="addedElsewhere">
/// Whether a worker that is not stored may be at any time, by another silo (<see cref="IRegistrationsService"/>): then that
/// it is not stored has to be read again each time.
/// </param>
internal sealed class RecordKeeper(
    LiveWorker worker,
    IWorkerStore store,
    WorkerRegistries registries,
    IGrainFactory grains,
    TimeProvider clock,
    Action? onRecord = null,
    bool addedElsewhere = false)
{
    /// <summary>More registrations of one worker than follow each other while a late call is under way.</summary>
    private const int OperationsRemembered = 4;

    private const int SaveAttempts = 5;

    /// <summary>While the store is being read.</summary>
    private Task? loading;

    /// <summary>What <see cref="IWorkerGrain.Basis"/> says: never the same of a record and of none.</summary>
    public long Basis => worker.Record?.Incarnation ?? ~worker.IncarnationFloor;

    private WorkerId Id => worker.Id;

    /// <summary>
    /// For who takes the place of the worker's grain for one registration. Where a registry could not be told, the grain
    /// is called: only a grain can go on telling it.
    /// </summary>
    public static RecordKeeper BesideGrain(
        LiveWorker worker, IWorkerStore store, RegistryLanes lanes, IGrainFactory grains, TimeProvider clock)
    {
        var registries = new WorkerRegistries(
            worker, lanes, clock, key => _ = grains.GetGrain<IWorkerGrain>(worker.Id.Value).Rejoin(key));
        return new(worker, store, registries, grains, clock);
    }

    /// <summary>Reads the store where what is stored is not known.</summary>
    public Task Load()
    {
        if (worker.IsLoaded && (worker.Record is not null || !addedElsewhere))
        {
            loading = null;
            return Task.CompletedTask;
        }

        // One read for all calls that wait for it; the next call tries again after one that failed.
        return loading is null or { IsCompleted: true } ? loading = Reload() : loading;
    }

    public async Task Reload()
    {
        var before = worker.Record;
        var stored = await store.ReadAsync(Id, CancellationToken.None);
        if (!ReferenceEquals(worker.Record, before))
        {
            // What was stored here meanwhile is later than what was read.
            return;
        }

        // With a lease of grace for what is new: that nothing was heard here says nothing about the worker.
        worker.Load(stored.Record, stored.IncarnationFloor, clock.Elapsed());
        onRecord?.Invoke();
    }

    /// <summary>
    /// Reads the store though what is stored seems to be known, follows it where that is not so, and tells the registries.
    /// </summary>
    /// <param name="isIdle">Whether nothing was begun to be written meanwhile, asked after the reading.</param>
    /// <returns>Whether something else was stored; null where it can't be told.</returns>
    public async Task<bool?> Verify(Func<bool> isIdle)
    {
        var known = worker.Record;
        var (stored, floor) = await store.ReadAsync(Id, CancellationToken.None);
        if (!isIdle() || !ReferenceEquals(worker.Record, known))
        {
            return null;
        }

        var isNews = true;
        if (!worker.IsLoaded || stored?.Incarnation != known?.Incarnation)
        {
            isNews = worker.IsLoaded || stored is not null;
            worker.Load(stored, floor, clock.Elapsed());
            onRecord?.Invoke();
        }
        else if (stored is not null && stored.Draining != known!.Draining)
        {
            worker.Amend(known with { Draining = stored.Draining });
        }
        else
        {
            isNews = false;
        }

        // Also where it is known: another call may have read it since, which tells nobody.
        await TellBoth(known, stored);
        return isNews;
    }

    /// <summary>
    /// The store has refused a write. Where that is because somebody else has written, who writes here is one too many,
    /// or the call is a late one: to make it again here would undo what came after it.
    /// </summary>
    /// <param name="isOurs">Whether what is stored now is what this call has written, and its first answer was lost.</param>
    public async Task ReloadUnchanged(Func<WorkerRecord?, bool> isOurs)
    {
        var known = worker.Record;
        await Reload();
        var stored = worker.Record;
        if (stored?.Incarnation != known?.Incarnation && !isOurs(stored))
        {
            await TellBoth(known, stored);
            throw new StaleOwnerException($"The registration of '{Id}' was changed by another call.");
        }
    }

    /// <summary>Refuses a change whose basis is no longer so.</summary>
    public void ThrowIfLate(long? basis)
    {
        if (basis is not null && basis != Basis)
        {
            throw new StaleOwnerException($"'{Id}' was changed after this call was made.");
        }
    }

    /// <summary>As <see cref="IWorkerGrain.Register"/>.</summary>
    public async Task<RegisterAnswer> Register(
        Registration registration, Guid operationId, long? expectedIncarnation, bool assign, long? basis, bool guessed)
    {
        await LoadOrAdd(registration, operationId, assign, guessed ? basis : null);
        if (worker.Record?.OperationId != operationId)
        {
            if (guessed && basis != Basis)
            {
                return Misjudged();
            }

            ThrowIfLate(basis);
        }

        var previous = worker.Record;
        if (assign && previous?.OperationId != operationId && WorkerLifecycle.MayRegister(previous, expectedIncarnation))
        {
            var services = await grains.GetGrain<IServiceCatalogGrain>(0).Assign(Id, registration.Capabilities);
            registration = registration with { Services = services };
        }

        // Again where the removal of another worker has raised the floor meanwhile, from ever further above it.
        for (var (attempt, above) = (1, 0L); attempt <= SaveAttempts; attempt++, above = attempt <= 2 ? 0 : (above + 1) * 16)
        {
            var record = worker.Record;
            if (worker.EarlierOperations.Contains(operationId))
            {
                // A copy of a call that was made again, and answered, and that others have followed since.
                return record is null
                    ? throw new StaleOwnerException($"'{Id}' was unregistered after this call.")
                    : new(RegisterOutcome.Superseded, record, [], worker.IncarnationFloor);
            }

            if (record?.OperationId == operationId)
            {
                // Where the store's first answer was lost, the registries it dropped have yet to hear.
                return await Answer(record.Replaced ? RegisterOutcome.Replaced : RegisterOutcome.Created, previous);
            }

            if (!WorkerLifecycle.MayRegister(record, expectedIncarnation))
            {
                break;
            }

            var next = Next(registration, operationId, above);
            if (guessed && record is null
                ? await store.AddAsync(next, CancellationToken.None)
                : await store.SaveAsync(next, CancellationToken.None))
            {
                previous = worker.Record;
                worker.Follow(next, clock.Elapsed());
                Supersede(previous);
                onRecord?.Invoke();
                return await Answer(next.Replaced ? RegisterOutcome.Replaced : RegisterOutcome.Created, previous);
            }

            await ReloadUnchanged(stored => stored?.OperationId == operationId);
            if (guessed && worker.Record is null)
            {
                // Others were removed since the guess, and this one may have been among them.
                return Misjudged();
            }
        }

        return worker.Record is not { } newer
            ? throw new StoreUnavailableException($"Too many workers are removed while '{Id}' registers.") { NotBegun = true }
            : new(RegisterOutcome.Superseded, newer, [], worker.IncarnationFloor);
    }

    /// <summary>The record of a worker that was not registered before.</summary>
    public WorkerRecord First(Registration registration, Guid operationId, long floor) =>
        new(Id, floor + 1, registration, Draining: false, operationId, Replaced: false, clock.GetUtcNow());

    /// <summary>It is stored: nothing was, and no removal had raised the floor.</summary>
    public void FollowFirst(WorkerRecord first)
    {
        worker.RaiseFloor(first.Incarnation - 1);
        worker.Follow(first, clock.Elapsed());
        onRecord?.Invoke();
    }

    /// <summary>Tells the registries of the record in force, and those of the one before.</summary>
    public async Task<RegisterAnswer> Answer(RegisterOutcome outcome, WorkerRecord? previous = null)
    {
        var current = worker.Record!;
        var keys = current.Registration.RegistryKeys;
        // Most often there are no others: then nothing is made to say so.
        return new(
            outcome,
            current,
            await registries.Tell(
                previous is null || previous.Registration.RegistryKeys.SequenceEqual(keys)
                    ? keys
                    : [.. keys, .. previous.Registration.RegistryKeys.Except(keys)]),
            worker.IncarnationFloor);
    }

    /// <summary>Another record takes this one's place.</summary>
    public void Supersede(WorkerRecord? last)
    {
        if (last is not null)
        {
            worker.Supersede(last, OperationsRemembered);
        }
    }

    /// <summary>
    /// Where nothing is known here and the caller takes the worker for a new one, it is stored on the spot: the store
    /// refuses where that is not so, and is read only then.
    /// </summary>
    private Task LoadOrAdd(Registration registration, Guid operationId, bool assign, long? guess)
    {
        if (guess >= 0 || guess is not { } none)
        {
            return Load();
        }

        if (worker.IsLoaded)
        {
            worker.RaiseFloor(~none);
            return Task.CompletedTask;
        }

        // Heartbeats that come meanwhile wait for it as for the reading.
        return assign || loading is { IsCompleted: false } ? Load() : loading = Add();

        async Task Add()
        {
            var first = First(registration, operationId, ~none);
            if (await store.AddAsync(first, CancellationToken.None))
            {
                FollowFirst(first);
            }
            else
            {
                await Reload();
            }
        }
    }

    /// <summary>A write whose outcome was unknown may have moved it, and only here it is known from where.</summary>
    private Task<ImmutableArray<RegistryVersion>> TellBoth(WorkerRecord? known, WorkerRecord? stored)
    {
        var keys = (IEnumerable<ServiceType>)[.. known?.Registration.RegistryKeys ?? [], .. stored?.Registration.RegistryKeys ?? []];
        return registries.Tell(keys.Distinct());
    }

    private WorkerRecord Next(Registration registration, Guid operationId, long above) => new(
        Id,
        WorkerLifecycle.NextIncarnation(worker.Record, worker.IncarnationFloor) + above,
        registration,
        Draining: false,
        operationId,
        Replaced: worker.Record is not null,
        clock.GetUtcNow());

    private RegisterAnswer Misjudged() => new(RegisterOutcome.Misjudged, worker.Record!, [], worker.IncarnationFloor);
}
