using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Tells the registries what became of a worker. A registry that does not answer soon does not hold up an answer that
/// the store has made true: it is told again until it knows.
/// </summary>
/// <param name="grain">The worker's grain.</param>
/// <param name="worker">What is true of the worker now.</param>
/// <param name="grains">Reaches the registries.</param>
/// <param name="clock">Tells the time.</param>
internal sealed class WorkerRegistries(Grain grain, LiveWorker worker, IGrainFactory grains, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The registries that have yet to hear, with the number of the attempt that will settle it. None most of the time.
    /// </summary>
    private Dictionary<ServiceType, int>? owed;
    private GrainAlarm? repair;
    private int attempts;

    /// <summary>Whether all of them have heard what they were to be told.</summary>
    public bool AllKnow => owed is null;

    /// <summary>Tells each registry, and answers with the versions of those that answered soon.</summary>
    public Task<ImmutableArray<RegistryVersion>> Tell(IEnumerable<ServiceType> keys) => Collect(keys.Select(TellOne));

    /// <summary>The versions of the calls that are answered soon; the others go on by themselves.</summary>
    public async Task<ImmutableArray<RegistryVersion>> Collect(IEnumerable<Task<RegistryVersion>> calls)
    {
        var started = calls.ToList();
        // Late or failed: what is owed is sent again by the repair below, or by the batcher.
        await ((Task)Task.WhenAll(started)).WaitAsync(Patience, clock)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        return [.. started.Where(t => t.IsCompletedSuccessfully).Select(t => t.GetAwaiter().GetResult())];
    }

    /// <summary>Whether a registry thinks that the worker's lease ran out for a reason of ours.</summary>
    public async Task<bool> AnySuspects(WorkerRecord current)
    {
        var answers = await Task.WhenAll(current.Registration.RegistryKeys
            .Select(key => grains.GetGrain<IServiceRegistryGrain>(key.Value).IsSuspected(worker.Id, current.Incarnation)));
        return answers.Contains(true);
    }

    private async Task<RegistryVersion> TellOne(ServiceType key)
    {
        var attempt = ++attempts;
        (owed ??= [])[key] = attempt;
        var registry = grains.GetGrain<IServiceRegistryGrain>(key.Value);
        // What is true now, whatever it was when this was first owed.
        var record = worker.Record;
        try
        {
            var version = record is not null && record.Registration.RegistryKeys.Contains(key)
                ? await registry.Join(new(record, worker.Liveness.ToRenewal(worker.Id, record.Incarnation, clock.Elapsed())))
                : await registry.Leave(worker.Id, record?.Incarnation ?? worker.IncarnationFloor);
            Settle(key, attempt);
            return version;
        }
        catch
        {
            // Made only now: a timer for each of 100,000 workers would be most of their memory.
            repair ??= new(grain, clock, () => Task.WhenAll(owed?.Keys.ToList().Select(TellOne) ?? []), interleave: true);
            repair.Within(Patience);
            throw;
        }
    }

    private void Settle(ServiceType key, int attempt)
    {
        if (owed?.GetValueOrDefault(key) == attempt && owed.Remove(key) && owed.Count == 0)
        {
            owed = null;
        }
    }
}
