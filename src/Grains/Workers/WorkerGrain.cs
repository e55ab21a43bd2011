using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Loads a worker's record, decides through <see cref="WorkerLifecycle"/>, stores, then tells the registries.
/// Heartbeats run between the steps of a registration that waits for the store, and see the record that was in force
/// before it.
/// </summary>
internal sealed partial class WorkerGrain(
    IWorkerStore store,
    LiveWorkers workers,
    RenewalBatcher renewals,
    WorkerHealthProbe probe,
    TimeProvider clock,
    IOptions<RegistryOptions> options,
    ILogger<WorkerGrain> logger) : Grain, IWorkerGrain
{
    /// <summary>More registrations of one worker than follow each other while a late call is under way.</summary>
    private const int OperationsRemembered = 4;

    private const int SaveAttempts = 5;

    private LiveWorker worker = null!;
    private WorkerRegistries registries = null!;

    /// <summary>Made for workers that ask for checks.</summary>
    private WorkerHealthMonitor? health;

    /// <summary>While the store is being read.</summary>
    private Task? loading;
    private Task? removing;

    private WorkerId Id => worker.Id;

    private long LastIncarnation => worker.Record?.Incarnation ?? worker.IncarnationFloor;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        worker = workers.Enter(WorkerId.Parse(this.GetPrimaryKeyString()));
        registries = new(this, worker, GrainFactory, clock);
        if (worker.Record is { } known)
        {
            FollowHealth(known.Registration);
        }

        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        health?.Stop();
        workers.Leave(worker);
        return Task.CompletedTask;
    }

    public async Task<long> Basis()
    {
        await Load();
        return LastIncarnation;
    }

    public async Task<RegisterAnswer> Register(
        Registration registration, Guid operationId, long? expectedIncarnation, bool assign, long? basis)
    {
        await Load();
        if (worker.Record?.OperationId != operationId)
        {
            ThrowIfLate(basis);
        }

        var previous = worker.Record;
        if (assign && previous?.OperationId != operationId && WorkerLifecycle.MayRegister(previous, expectedIncarnation))
        {
            var services = await GrainFactory.GetGrain<IServiceCatalogGrain>(0).Assign(Id, registration.Capabilities);
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
                    : new(RegisterOutcome.Superseded, record, []);
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

            var next = new WorkerRecord(
                Id,
                WorkerLifecycle.NextIncarnation(record, worker.IncarnationFloor) + above,
                registration,
                Draining: false,
                operationId,
                Replaced: record is not null,
                clock.GetUtcNow());
            if (await store.SaveAsync(next, CancellationToken.None))
            {
                previous = worker.Record;
                worker.Follow(next, clock.Elapsed());
                Supersede(previous);
                Stay();
                FollowHealth(next.Registration);
                var answer = await Answer(next.Replaced ? RegisterOutcome.Replaced : RegisterOutcome.Created, previous);
                Rest();
                return answer;
            }

            await ReloadUnchanged(stored => stored?.OperationId == operationId);
        }

        return worker.Record is not { } newer
            ? throw new StoreUnavailableException($"Too many workers are removed while '{Id}' registers.") { NotBegun = true }
            : new(RegisterOutcome.Superseded, newer, []);
    }

    public async Task<HeartbeatAnswer> Heartbeat(Heartbeat beat)
    {
        await Load();
        await Removed();
        if (beat.Incarnation > worker.Record?.Incarnation)
        {
            // A number that this activation did not give out: another one may have.
            await Reload();
        }

        // The record it was accepted for: a removal may finish while the registries are waited for.
        var decision = worker.Apply(beat, clock.Elapsed(), out var record);
        if (decision.Outcome != HeartbeatOutcome.Renewed || record is null)
        {
            return new(decision.Outcome, record?.Incarnation ?? 0, WorkerState.Offline, TimeSpan.Zero, []);
        }

        Stay();
        FollowHealth(record.Registration);
        var versions = ImmutableArray<RegistryVersion>.Empty;
        if (decision.Announce)
        {
            versions = await registries.Collect(record.Registration.RegistryKeys
                .Select(key => renewals.Announce(key, Id, record.Incarnation, decision.Next)));
        }
        else
        {
            foreach (var key in record.Registration.RegistryKeys)
            {
                renewals.Enqueue(key, Id, record.Incarnation, decision.Next);
            }
        }

        return LiveWorkers.Answer(record, decision.Next, versions) with { Silo = workers.Silo };
    }

    public async Task Judge(Verdict verdict)
    {
        await Load();
        if (worker.Record is not { } judged || judged.Incarnation != verdict.Incarnation)
        {
            return;
        }

        var now = clock.Elapsed();
        var was = worker.Suspicion;
        var suspicion = was.Hear(verdict, now);
        if (!verdict.Reached && ReferenceEquals(suspicion, was))
        {
            return;
        }

        worker.Hear(suspicion);
        if (was.Holds(now) != suspicion.Holds(now))
        {
            LogSuspicion(Id, suspicion.Holds(now), verdict.GatewayId);
        }

        // Not awaited: the batcher sends it until the registry has it. Also where it only lasts longer, and where it was
        // reached and nothing was wrong: another activation of this grain, lost with its silo, may have said so.
        foreach (var key in judged.Registration.RegistryKeys)
        {
            _ = renewals.Announce(key, Id, judged.Incarnation, worker.Liveness);
        }
    }

    public async Task<RegisterAnswer?> SetDraining(bool draining, long? basis)
    {
        await Load();
        ThrowIfLate(basis);
        if (worker.Record is not { } record)
        {
            return null;
        }

        if (record.Draining != draining
            && !await store.SetDrainingAsync(Id, record.Incarnation, draining, CancellationToken.None))
        {
            await ReloadUnchanged(_ => false);
            return null;
        }

        worker.Amend(record with { Draining = draining });
        return await Answer(RegisterOutcome.Replaced);
    }

    public async Task<RegisterAnswer?> Unregister(long? basis)
    {
        await Load();
        ThrowIfLate(basis);
        return worker.Record is { } record ? await Remove(record) : null;
    }

    public async Task<WorkerDescription?> Describe()
    {
        await Load();
        await Removed();
        if (worker.Record is not { } described)
        {
            return null;
        }

        var now = clock.Elapsed();
        var liveness = worker.Liveness;
        var heardAgo = now - liveness.HeardAt;
        var leaseRuns = heardAgo < described.Registration.Lease;
        var suspected = !leaseRuns && await registries.AnySuspects(described);
        return new(
            described,
            WorkerLifecycle.StateOf(leaseRuns, suspected, described.Draining, liveness.Degraded),
            liveness.Load,
            liveness.ActiveRequests,
            liveness.ReportsDegraded,
            liveness.FailsCheck,
            heardAgo,
            worker.Counters,
            liveness.UnreachableFor(now));
    }

    public async Task Rejoin(ServiceType registryKey)
    {
        await Load();
        if (worker.Record is { } record && record.Registration.RegistryKeys.Contains(registryKey))
        {
            await registries.Tell([registryKey]);
        }
    }

    public async Task ForgetIfExpired(ServiceType registryKey, long incarnation)
    {
        await Load();
        if (worker.Record is not { } record || !record.Registration.RegistryKeys.Contains(registryKey))
        {
            await GrainFactory.GetGrain<IServiceRegistryGrain>(registryKey.Value)
                .Leave(Id, worker.Record?.Incarnation ?? incarnation);
        }
        else if (MayForget(record))
        {
            LogForgotten(Id, record.Incarnation);
            await Remove(record);
        }
        else if (record.Incarnation > incarnation)
        {
            await registries.Tell([registryKey]);
        }
    }

    private bool MayForget(WorkerRecord record) => WorkerLifecycle.MayForget(
        record, worker.Liveness, options.Value.RecordRetention, clock.Elapsed());

    private async Task<RegisterAnswer> Answer(RegisterOutcome outcome, WorkerRecord? previous = null)
    {
        var current = worker.Record!;
        var keys = current.Registration.RegistryKeys;
        // Most often there are no others: then nothing is made to say so.
        return new(outcome, current, await registries.Tell(
            previous is null || previous.Registration.RegistryKeys.SequenceEqual(keys)
                ? keys
                : [.. keys, .. previous.Registration.RegistryKeys.Except(keys)]));
    }

    private void ThrowIfLate(long? basis)
    {
        if (basis is not null && basis != LastIncarnation)
        {
            throw new StaleOwnerException($"'{Id}' was changed after this call was made.");
        }
    }

    private void Supersede(WorkerRecord? last)
    {
        if (last is not null)
        {
            worker.Supersede(last, OperationsRemembered);
        }
    }

    [LoggerMessage(1400, LogLevel.Information, "Worker {Id} (incarnation {Incarnation}) is forgotten: offline for the whole retention.")]
    private partial void LogForgotten(WorkerId id, long incarnation);

    [LoggerMessage(1402, LogLevel.Information, "Worker {Id}: unreachable: {Unreachable}, says gateway {Gateway}.")]
    private partial void LogSuspicion(WorkerId id, bool unreachable, string gateway);
}
