using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>How long the grain stays in memory, when the worker was heard from, and the active health check while it does.</summary>
internal sealed partial class WorkerGrain
{
    /// <summary>Longer than gateways and Orleans go on with a call.</summary>
    private static readonly TimeSpan LateCalls = TimeSpan.FromSeconds(15);

    private void Stay()
    {
        worker.Called(clock.Elapsed());
        var registration = worker.Record!.Registration;
        // Idle collection must not take the only knowledge of a longer lease.
        if (!workers.Alone && registration.Lease > LiveWorkers.LeftAlone)
        {
            DelayDeactivation(registration.Lease + options.Value.RecordRetention);
        }
    }

    /// <summary>
    /// Leaves memory where all that is known outlives the grain: it is most of what a worker takes there.
    /// </summary>
    private void Rest()
    {
        if (workers.Alone && health is null && registries.AllKnow)
        {
            DeactivateOnIdle();
        }
    }

    /// <summary>
    /// Leaves memory where there is no such worker and nothing to do: who asks for ids at random is not to fill it.
    /// </summary>
    private void LeaveIfUnknown()
    {
        if (worker.Record is null
            && worker.EarlierOperations.Length == 0
            && writesUnderWay == 0
            && looksLeft == 0
            && registries.AllKnow)
        {
            DeactivateOnIdle();
        }
    }

    /// <summary>
    /// Leaves memory once calls that were made before the removal can no longer come: who registers and unregisters ever
    /// new workers is not to fill it either.
    /// </summary>
    private void LeaveSoon()
    {
        leaving ??= new(this, clock, () =>
        {
            LeaveIfRemoved();
            return Task.CompletedTask;
        });
        leaving.Within(LateCalls);
    }

    private void LeaveIfRemoved()
    {
        if (worker.Record is null)
        {
            worker.ForgetOperations();
            LeaveIfUnknown();
        }
    }

    private async Task<bool> MayForget(WorkerRecord record)
    {
        await HearFromRegistry(record);
        return WorkerLifecycle.MayForget(record, worker.Liveness, options.Value.RecordRetention, clock.Elapsed());
    }

    /// <summary>
    /// Where the worker was not heard from since this grain is in memory, its registry knows when it was. Where that does
    /// not answer soon, the lease of grace stands.
    /// </summary>
    private async Task HearFromRegistry(WorkerRecord current)
    {
        if (worker.IsHeard)
        {
            return;
        }

        var asking = GrainFactory.GetGrain<IServiceRegistryGrain>(current.Registration.RegistryKeys[0].Value)
            .HeardAgo(Id, current.Incarnation);
        await ((Task)asking).WaitAsync(WorkerRegistries.Patience, clock)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (asking.IsCompletedSuccessfully && await asking is { } ago)
        {
            worker.HeardBefore(current, clock.Elapsed() - ago);
        }
    }

    private void FollowHealth()
    {
        if (worker.Record?.Registration is not { Health: not null } registration)
        {
            StopHealth();
            return;
        }

        health ??= new(this, Id, probe, options.Value.HealthCheckFailures, OnHealth);
        health.Follow(registration);
        if (workers.Alone)
        {
            // Where heartbeats do not come here and checks are rare, nothing else would keep the grain in memory.
            DelayDeactivation(TimeSpan.MaxValue);
        }
    }

    private void StopHealth()
    {
        if (health is not null)
        {
            health.Stop();
            health = null;
            if (workers.Alone)
            {
                DelayDeactivation(TimeSpan.Zero);
            }
        }
    }

    private bool OnHealth(bool healthy, bool failing)
    {
        var now = clock.Elapsed();
        var was = worker.Checked(healthy, failing, now);
        if (worker.Record is not { } record || !was.LeaseRuns(record.Registration.Lease, now))
        {
            return false;
        }

        if (was.FailsCheck != failing)
        {
            LogHealth(Id, failing);
        }

        var known = worker.Liveness;
        if (was.Degraded != known.Degraded)
        {
            // Not awaited: the batcher sends it until the registry has it.
            foreach (var key in record.Registration.RegistryKeys)
            {
                _ = renewals.Announce(key, Id, record.Incarnation, known);
            }
        }

        return true;
    }

    [LoggerMessage(1401, LogLevel.Information, "Worker {Id}: active health check failing: {Failing}.")]
    private partial void LogHealth(WorkerId id, bool failing);
}
