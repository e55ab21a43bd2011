using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Placement;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Loads a worker's record, decides through <see cref="WorkerLifecycle"/>, stores, then tells the registries
/// (<see cref="RecordKeeper"/>).
/// Heartbeats run between the steps of a registration that waits for the store, and see the record that was in force
/// before it.
/// </summary>
[HashBasedPlacement]
internal sealed partial class WorkerGrain(
    IWorkerStore store,
    LiveWorkers workers,
    RegistryLanes lanes,
    RenewalBatcher renewals,
    WorkerHealthProbe probe,
    TimeProvider clock,
    IOptions<RegistryOptions> options,
    ILogger<WorkerGrain> logger) : Grain, IWorkerGrain
{
    private LiveWorker worker = null!;
    private RecordKeeper keeper = null!;
    private WorkerRegistries registries = null!;

    /// <summary>Made for workers that ask for checks.</summary>
    private WorkerHealthMonitor? health;

    /// <summary>Made where a registry could not be told: for each of 100,000 workers it would be most of their memory.</summary>
    private GrainAlarm? repair;

    /// <summary>Made where the worker is removed.</summary>
    private GrainAlarm? leaving;
    private Task? removing;

    private WorkerId Id => worker.Id;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        worker = workers.Enter(WorkerId.Parse(this.GetPrimaryKeyString()));
        registries = new(worker, lanes, clock, _ => RepairSoon());
        keeper = new(worker, store, registries, GrainFactory, clock, FollowHealth, addedElsewhere: !workers.Alone);
        await worker.Vacated();
        SettleIn();
        FollowHealth();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        health?.Stop();
        workers.Leave(worker);
        return Task.CompletedTask;
    }

    public async Task<long> Basis()
    {
        await keeper.Load();
        return keeper.Basis;
    }

    public async Task<RegisterAnswer> Register(
        Registration registration, Guid operationId, long? expectedIncarnation, bool assign, long? basis, bool guessed)
    {
        var answer = await Write(keeper.Register(registration, operationId, expectedIncarnation, assign, basis, guessed));
        if (answer.Outcome is RegisterOutcome.Created or RegisterOutcome.Replaced)
        {
            Stay();
            Rest();
        }
        else
        {
            LeaveIfUnknown();
        }

        return answer;
    }

    public async Task<HeartbeatAnswer> Heartbeat(Heartbeat beat)
    {
        await keeper.Load();
        await Removed();
        if (beat.Incarnation > worker.Record?.Incarnation)
        {
            // A number that this activation did not give out: another one may have.
            await keeper.Reload();
        }

        // The record it was accepted for: a removal may finish while the registries are waited for.
        var decision = worker.Apply(beat, clock.Elapsed(), out var record);
        if (decision.Outcome != HeartbeatOutcome.Renewed || record is null)
        {
            LeaveIfUnknown();
            return new(decision.Outcome, record?.Incarnation ?? 0, WorkerState.Offline, TimeSpan.Zero, []);
        }

        Stay();
        FollowHealth();
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
        await keeper.Load();
        if (worker.Record is not { } judged || judged.Incarnation != verdict.Incarnation)
        {
            LeaveIfUnknown();
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
        await keeper.Load();
        keeper.ThrowIfLate(basis);
        if (worker.Record is not { } record)
        {
            LeaveIfUnknown();
            return null;
        }

        if (record.Draining != draining
            && !await Write(store.SetDrainingAsync(Id, record.Incarnation, draining, CancellationToken.None)))
        {
            await Write(keeper.ReloadUnchanged(_ => false));
            return null;
        }

        worker.Amend(record with { Draining = draining });
        return await keeper.Answer(RegisterOutcome.Replaced);
    }

    public async Task<RegisterAnswer?> Unregister(long? basis)
    {
        await keeper.Load();
        keeper.ThrowIfLate(basis);
        if (worker.Record is { } record)
        {
            var answer = await Remove(record);
            LeaveSoon();
            return answer;
        }

        LeaveIfUnknown();
        return null;
    }

    public async Task<WorkerDescription?> Describe()
    {
        await keeper.Load();
        await Removed();
        if (worker.Record is not { } described)
        {
            LeaveIfUnknown();
            return null;
        }

        await HearFromRegistry(described);
        var now = clock.Elapsed();
        var liveness = worker.Liveness;
        var heardAgo = now - liveness.HeardAt;
        var leaseRuns = heardAgo < described.Registration.Lease;
        var suspected = !leaseRuns && await AnySuspects(described);
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
        try
        {
            await keeper.Load();
        }
        catch (StoreUnavailableException)
        {
            // Nobody hears of it, and who asks does so once.
            LookSoon();
            return;
        }

        if (worker.Record is { } record && record.Registration.RegistryKeys.Contains(registryKey))
        {
            await registries.Tell([registryKey]);
        }
    }

    public async Task ForgetIfExpired(ServiceType registryKey, long incarnation)
    {
        await keeper.Load();
        if (worker.Record is not { } record || !record.Registration.RegistryKeys.Contains(registryKey))
        {
            await GrainFactory.GetGrain<IServiceRegistryGrain>(registryKey.Value)
                .Leave(Id, worker.Record?.Incarnation ?? incarnation);
            LeaveIfUnknown();
        }
        else if (await MayForget(record))
        {
            LogForgotten(Id, record.Incarnation);
            await Remove(record);
            // After so long no call is late, and many may be forgotten at once.
            LeaveIfRemoved();
        }
        else if (record.Incarnation > incarnation)
        {
            await registries.Tell([registryKey]);
        }
    }

    /// <summary>Whether a registry thinks that the worker's lease ran out for a reason of ours.</summary>
    private async Task<bool> AnySuspects(WorkerRecord current)
    {
        var answers = await Task.WhenAll(current.Registration.RegistryKeys
            .Select(key => GrainFactory.GetGrain<IServiceRegistryGrain>(key.Value).IsSuspected(Id, current.Incarnation)));
        return answers.Contains(true);
    }

    private void RepairSoon()
    {
        repair ??= new(this, clock, registries.TellAgain, interleave: true);
        repair.Within(WorkerRegistries.Patience);
    }

    [LoggerMessage(1400, LogLevel.Information, "Worker {Id} (incarnation {Incarnation}) is forgotten: offline for the whole retention.")]
    private partial void LogForgotten(WorkerId id, long incarnation);

    [LoggerMessage(1402, LogLevel.Information, "Worker {Id}: unreachable: {Unreachable}, says gateway {Gateway}.")]
    private partial void LogSuspicion(WorkerId id, bool unreachable, string gateway);
}
