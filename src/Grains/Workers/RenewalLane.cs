using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// The renewals of one silo on their way to one registry. A worker's newer renewal takes the place of an older.
/// </summary>
internal sealed class RenewalLane(
    ServiceType key,
    LocalRegistries registries,
    RenewalDetour detour,
    IGrainFactory grains,
    TimeProvider clock,
    Action<Exception, ServiceType, int> onFailure) : Lane
{
    /// <summary>The most in one message: bounds its size, and how long the registry is busy with it.</summary>
    private const int MaxBatch = 5000;

    /// <summary>For how long a call alone is waited for: a lease is shorter than what a silo that is gone can cost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Dictionary<WorkerId, PendingRenewal> pending = [];
    private List<TaskCompletionSource<RegistryVersion>> waiters = [];
    private bool sending;

    protected override bool IsBusy => sending || pending.Count > 0;

    /// <summary>It goes with the next message. False where this lane has retired.</summary>
    public bool TryAdd(in PendingRenewal renewal)
    {
        lock (Gate)
        {
            if (!TryUse())
            {
                return false;
            }

            pending[renewal.Id] = renewal;
            return true;
        }
    }

    /// <summary>It goes now. Null where this lane has retired.</summary>
    public Task<RegistryVersion>? TryAnnounce(in PendingRenewal renewal)
    {
        var waiter = new TaskCompletionSource<RegistryVersion>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Gate)
        {
            if (!TryUse())
            {
                return null;
            }

            pending[renewal.Id] = renewal;
            waiters.Add(waiter);
        }

        Flush();
        return waiter.Task;
    }

    /// <summary>
    /// Sends what waits, unless a message is on its way; then what gathered follows that one where somebody waits for
    /// it.
    /// </summary>
    public void Flush()
    {
        lock (Gate)
        {
            if (sending || pending.Count == 0)
            {
                return;
            }

            sending = true;
        }

        // Not in the caller's grain turn.
        _ = Task.Run(SendAll);
    }

    private async Task SendAll()
    {
        bool more;
        do
        {
            List<PendingRenewal> batch;
            List<TaskCompletionSource<RegistryVersion>> waiting;
            lock (Gate)
            {
                batch = [.. pending.Values.Take(MaxBatch)];
                foreach (var renewal in batch)
                {
                    pending.Remove(renewal.Id);
                }

                // Whose renewal did not fit waits for the next message.
                waiting = pending.Count == 0 ? waiters : [];
                waiters = pending.Count == 0 ? [] : waiters;
            }

            var sent = await Send(batch, waiting);
            lock (Gate)
            {
                // After a failure the next interval tries again, which is pause enough.
                more = sent && (waiters.Count > 0 || pending.Count >= MaxBatch);
                sending = more;
            }
        }
        while (more);
    }

    private async Task<bool> Send(List<PendingRenewal> batch, List<TaskCompletionSource<RegistryVersion>> waiting)
    {
        try
        {
            var now = clock.Elapsed();
            ImmutableArray<Renewal> renewals = [.. batch.Select(r => r.Liveness.ToRenewal(r.Id, r.Incarnation, now))];
            var answer = registries.TryRenew(key, renewals) ?? await Call(renewals);
            foreach (var id in answer.Unknown)
            {
                _ = grains.GetGrain<IWorkerGrain>(id.Value).Rejoin(key);
            }

            waiting.ForEach(w => w.TrySetResult(answer.Version));
            return true;
        }
        catch (Exception e)
        {
            // Whatever it was, these workers were heard from, and that must not get lost.
            lock (Gate)
            {
                foreach (var renewal in batch)
                {
                    pending.TryAdd(renewal.Id, renewal);
                }
            }

            onFailure(e, key, batch.Count);
            waiting.ForEach(w => w.TrySetException(e));
            return false;
        }
    }

    private async Task<RenewalAnswer> Call(ImmutableArray<Renewal> renewals)
    {
        var calling = grains.GetGrain<IServiceRegistryGrain>(key.Value).Renew(renewals);
        calling.Ignore();
        await ((Task)calling).WaitAsync(Patience, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (calling.IsCompletedSuccessfully ? null : await detour.Renew(key, renewals)) ?? await calling;
    }
}

/// <summary>A renewal that waits to be sent.</summary>
internal readonly record struct PendingRenewal(WorkerId Id, long Incarnation, Liveness Liveness);
