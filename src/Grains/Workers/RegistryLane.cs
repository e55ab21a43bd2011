using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Networking;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// The workers of one silo that join or leave one registry. Where that is on this silo they do so on the spot. Else the
/// first goes at once; while a message is on its way the next ones gather, and follow it in one. So what is told arrives
/// in the order of the calls.
/// </summary>
internal sealed class RegistryLane(
    ServiceType key, LocalRegistries registries, IGrainFactory grains, TimeProvider clock) : Lane
{
    /// <summary>The most in one message: bounds its size, and how long the registry is busy with it.</summary>
    private const int MaxBatch = 500;

    private readonly IServiceRegistryGrain registry = grains.GetGrain<IServiceRegistryGrain>(key.Value);
    private List<Waiter> waiting = [];
    private bool sending;

    protected override bool IsBusy => sending;

    /// <summary>Tells it, or sees to it that it is told. Null where this lane has retired.</summary>
    public Task<RegistryVersion>? TryTell(LiveWorker worker)
    {
        lock (Gate)
        {
            if (!TryUse())
            {
                return null;
            }

            if (sending)
            {
                var waiter = new Waiter(worker);
                waiting.Add(waiter);
                return waiter.Task;
            }

            // Under the lock: a message that is sent meanwhile might be overtaken.
            if (registries.TryTell(key, () => ChangeOf(worker)) is { } version)
            {
                return Task.FromResult(version);
            }

            sending = true;
        }

        return TellFirst(worker);
    }

    private async Task<RegistryVersion> TellFirst(LiveWorker worker)
    {
        try
        {
            await PoolThread.Enter();
            // Whoever called may be a grain that has no turn any more when the answer comes.
            return await TellOne(worker).ConfigureAwait(false);
        }
        finally
        {
            _ = TellWaiting();
        }
    }

    private async Task TellWaiting()
    {
        while (true)
        {
            List<Waiter> batch;
            lock (Gate)
            {
                if (waiting.Count == 0)
                {
                    sending = false;
                    return;
                }

                batch = waiting.Count <= MaxBatch ? waiting : waiting[..MaxBatch];
                waiting = waiting.Count <= MaxBatch ? [] : waiting[MaxBatch..];
            }

            if (batch.Count == 1 || !await TryTellAll(batch).ConfigureAwait(false))
            {
                await Task.WhenAll(batch.Select(TellOne)).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// False where the message was not answered. A registry on a silo of an earlier version does not know it; to be
    /// told twice does no harm.
    /// </summary>
    private async Task<bool> TryTellAll(List<Waiter> batch)
    {
        try
        {
            var version = await registry.JoinOrLeave([.. batch.Select(w => ChangeOf(w.Worker))]).ConfigureAwait(false);
            batch.ForEach(w => w.TrySetResult(version));
            return true;
        }
        // Whatever it was, each is told on its own, and hears itself why that fails.
        catch (Exception)
        {
            return false;
        }
    }

    private async Task TellOne(Waiter waiter)
    {
        try
        {
            waiter.TrySetResult(await TellOne(waiter.Worker).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            waiter.TrySetException(e);
        }
    }

    private Task<RegistryVersion> TellOne(LiveWorker worker)
    {
        var change = ChangeOf(worker);
        return change.Joining is { } joining ? registry.Join(joining) : registry.Leave(change.Id, change.Incarnation);
    }

    /// <summary>What is true at the time of sending, whatever it was when it was to be told.</summary>
    private MembershipChange ChangeOf(LiveWorker worker)
    {
        var (record, liveness) = worker.Known;
        return record is not null && record.Registration.RegistryKeys.Contains(key)
            ? new(worker.Id, record.Incarnation, new(record, liveness.ToRenewal(worker.Id, record.Incarnation, clock.Elapsed()))
            {
                IsFirst = worker.IsNew,
            })
            : new(worker.Id, record?.Incarnation ?? worker.IncarnationFloor, null);
    }

    private sealed class Waiter(LiveWorker worker)
        : TaskCompletionSource<RegistryVersion>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public LiveWorker Worker => worker;
    }
}
