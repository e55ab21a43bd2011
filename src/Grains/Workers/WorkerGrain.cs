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
    RenewalBatcher renewals,
    WorkerHealthProbe probe,
    TimeProvider clock,
    IOptions<RegistryOptions> options,
    ILogger<WorkerGrain> logger) : Grain, IWorkerGrain
{
    /// <summary>More registrations of one worker than follow each other while a late call is under way.</summary>
    private const int OperationsRemembered = 4;

    private const int SaveAttempts = 5;

    private WorkerId id;
    private WorkerRegistries registries = null!;
    private WorkerHealthMonitor health = null!;
    private Task? loading;
    private Task? removing;
    private WorkerRecord? record;
    private long incarnationFloor;
    private Liveness liveness;
    private WorkerCounters counters;
    private Guid[] earlierOperations = [];
    private Suspicion suspicion = Suspicion.None;

    private long LastIncarnation => record?.Incarnation ?? incarnationFloor;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        id = WorkerId.Parse(this.GetPrimaryKeyString());
        registries = new(this, id, GrainFactory, clock, () => (record, liveness, LastIncarnation));
        health = new(this, id, probe, options.Value.HealthCheckFailures, OnHealth);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        health.Stop();
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
        if (record?.OperationId != operationId)
        {
            ThrowIfLate(basis);
        }

        var previous = record;
        if (assign && record?.OperationId != operationId && WorkerLifecycle.MayRegister(record, expectedIncarnation))
        {
            var services = await GrainFactory.GetGrain<IServiceCatalogGrain>(0).Assign(id, registration.Capabilities);
            registration = registration with { Services = services };
        }

        // Again where the removal of another worker has raised the floor meanwhile, from ever further above it.
        for (var (attempt, above) = (1, 0L); attempt <= SaveAttempts; attempt++, above = attempt <= 2 ? 0 : (above + 1) * 16)
        {
            if (earlierOperations.Contains(operationId))
            {
                // A copy of a call that was made again, and answered, and that others have followed since.
                return record is null
                    ? throw new StaleOwnerException($"'{id}' was unregistered after this call.")
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
                id,
                WorkerLifecycle.NextIncarnation(record, incarnationFloor) + above,
                registration,
                Draining: false,
                operationId,
                Replaced: record is not null,
                clock.GetUtcNow());
            if (await store.SaveAsync(next, CancellationToken.None))
            {
                previous = record;
                record = next;
                Supersede(previous);
                liveness = new(clock.Elapsed());
                suspicion = Suspicion.None;
                StayWhileLeased();
                health.Follow(next.Registration);
                return await Answer(next.Replaced ? RegisterOutcome.Replaced : RegisterOutcome.Created, previous);
            }

            await ReloadUnchanged(stored => stored?.OperationId == operationId);
        }

        return record is null
            ? throw new StoreUnavailableException($"Too many workers are removed while '{id}' registers.") { NotBegun = true }
            : new(RegisterOutcome.Superseded, record, []);
    }

    public async Task<HeartbeatAnswer> Heartbeat(Heartbeat beat)
    {
        await Load();
        await Removed();
        if (beat.Incarnation > record?.Incarnation)
        {
            // A number that this activation did not give out: another one may have.
            await Reload();
        }

        var decision = WorkerLifecycle.Apply(record, liveness, beat, clock.Elapsed());
        // The record it was accepted for: a removal may finish while the registries are waited for.
        var current = record;
        if (decision.Outcome != HeartbeatOutcome.Renewed || current is null)
        {
            return new(decision.Outcome, current?.Incarnation ?? 0, WorkerState.Offline, TimeSpan.Zero, []);
        }

        var revived = !liveness.LeaseRuns(current.Registration.Lease, decision.Next.HeardAt);
        counters = counters with
        {
            Heartbeats = counters.Heartbeats + 1,
            Revivals = counters.Revivals + (revived ? 1 : 0),
        };
        liveness = decision.Next;
        StayWhileLeased();
        health.Follow(current.Registration);
        var versions = ImmutableArray<RegistryVersion>.Empty;
        if (decision.Announce)
        {
            versions = await registries.Collect(current.Registration.RegistryKeys
                .Select(key => renewals.Announce(key, id, current.Incarnation, liveness)));
        }
        else
        {
            foreach (var key in current.Registration.RegistryKeys)
            {
                renewals.Enqueue(key, id, current.Incarnation, liveness);
            }
        }

        var state = WorkerLifecycle.StateOf(
            leaseRuns: true, suspected: false, current.Draining, decision.Next.Degraded);
        return new(HeartbeatOutcome.Renewed, current.Incarnation, state, current.Registration.Lease, versions);
    }

    public async Task Judge(Verdict verdict)
    {
        await Load();
        if (record is not { } judged || judged.Incarnation != verdict.Incarnation)
        {
            return;
        }

        var now = clock.Elapsed();
        var was = suspicion;
        suspicion = suspicion.Hear(verdict, now);
        if (!verdict.Reached && ReferenceEquals(suspicion, was))
        {
            return;
        }

        liveness = liveness with { UnreachableUntil = suspicion.Until };
        if (was.Holds(now) != suspicion.Holds(now))
        {
            LogSuspicion(id, suspicion.Holds(now), verdict.GatewayId);
        }

        // Not awaited: the batcher sends it until the registry has it. Also where it only lasts longer, and where it was
        // reached and nothing was wrong: another activation of this grain, lost with its silo, may have said so.
        foreach (var key in judged.Registration.RegistryKeys)
        {
            _ = renewals.Announce(key, id, judged.Incarnation, liveness);
        }
    }

    public async Task<RegisterAnswer?> SetDraining(bool draining, long? basis)
    {
        await Load();
        ThrowIfLate(basis);
        if (record is null)
        {
            return null;
        }

        if (record.Draining != draining
            && !await store.SetDrainingAsync(id, record.Incarnation, draining, CancellationToken.None))
        {
            await ReloadUnchanged(_ => false);
            return null;
        }

        record = record with { Draining = draining };
        return await Answer(RegisterOutcome.Replaced);
    }

    public async Task<RegisterAnswer?> Unregister(long? basis)
    {
        await Load();
        ThrowIfLate(basis);
        return record is null ? null : await Remove(record);
    }

    public async Task<WorkerDescription?> Describe()
    {
        await Load();
        await Removed();
        if (record is not { } described)
        {
            return null;
        }

        var now = clock.Elapsed();
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
            health.Count(counters),
            liveness.UnreachableFor(now));
    }

    public async Task Rejoin(ServiceType registryKey)
    {
        await Load();
        if (record is not null && record.Registration.RegistryKeys.Contains(registryKey))
        {
            await registries.Tell([registryKey]);
        }
    }

    public async Task ForgetIfExpired(ServiceType registryKey, long incarnation)
    {
        await Load();
        if (record is null || !record.Registration.RegistryKeys.Contains(registryKey))
        {
            await GrainFactory.GetGrain<IServiceRegistryGrain>(registryKey.Value)
                .Leave(id, record?.Incarnation ?? incarnation);
        }
        else if (WorkerLifecycle.MayForget(record, liveness, options.Value.RecordRetention, clock.Elapsed()))
        {
            LogForgotten(id, record.Incarnation);
            await Remove(record);
        }
        else if (record.Incarnation > incarnation)
        {
            await registries.Tell([registryKey]);
        }
    }

    private async Task<RegisterAnswer> Answer(RegisterOutcome outcome, WorkerRecord? previous = null)
    {
        var current = record!;
        var dropped = previous is null ? [] : previous.Registration.RegistryKeys.Except(current.Registration.RegistryKeys);
        return new(outcome, current, await registries.Tell(current.Registration.RegistryKeys.Concat(dropped)));
    }

    private void ThrowIfLate(long? basis)
    {
        if (basis is not null && basis != LastIncarnation)
        {
            throw new StaleOwnerException($"'{id}' was changed after this call was made.");
        }
    }

    private void Supersede(WorkerRecord? last)
    {
        if (last is not null)
        {
            earlierOperations = [last.OperationId, .. earlierOperations.Take(OperationsRemembered - 1)];
        }
    }

    private void StayWhileLeased()
    {
        // Idle collection (15 min) must not take the only knowledge of a longer lease.
        if (record!.Registration.Lease > TimeSpan.FromMinutes(5))
        {
            DelayDeactivation(record.Registration.Lease + options.Value.RecordRetention);
        }
    }

    private bool OnHealth(bool failing)
    {
        if (record is null || !liveness.LeaseRuns(record.Registration.Lease, clock.Elapsed()))
        {
            return false;
        }

        var was = liveness;
        liveness = liveness with { FailsCheck = failing };
        if (was.FailsCheck != failing)
        {
            LogHealth(id, failing);
        }

        if (was.Degraded != liveness.Degraded)
        {
            // Not awaited: the batcher sends it until the registry has it.
            foreach (var key in record.Registration.RegistryKeys)
            {
                _ = renewals.Announce(key, id, record.Incarnation, liveness);
            }
        }

        return true;
    }

    [LoggerMessage(1400, LogLevel.Information, "Worker {Id} (incarnation {Incarnation}) is forgotten: offline for the whole retention.")]
    private partial void LogForgotten(WorkerId id, long incarnation);

    [LoggerMessage(1402, LogLevel.Information, "Worker {Id}: unreachable: {Unreachable}, says gateway {Gateway}.")]
    private partial void LogSuspicion(WorkerId id, bool unreachable, string gateway);

    [LoggerMessage(1401, LogLevel.Information, "Worker {Id}: active health check failing: {Failing}.")]
    private partial void LogHealth(WorkerId id, bool failing);
}
