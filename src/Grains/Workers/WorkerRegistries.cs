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
/// <param name="id">The worker.</param>
/// <param name="grains">Reaches the registries.</param>
/// <param name="clock">Tells the time.</param>
/// <param name="known">
/// What is true now: the record if there is one, its liveness, and the last incarnation there was.
/// </param>
internal sealed class WorkerRegistries(
    Grain grain,
    WorkerId id,
    IGrainFactory grains,
    TimeProvider clock,
    Func<(WorkerRecord? Record, Liveness Liveness, long LastIncarnation)> known)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>The registries that have yet to hear, with the number of the attempt that will settle it.</summary>
    private readonly Dictionary<ServiceType, int> owed = [];
    private GrainAlarm? repair;
    private int attempts;

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
            .Select(key => grains.GetGrain<IServiceRegistryGrain>(key.Value).IsSuspected(id, current.Incarnation)));
        return answers.Contains(true);
    }

    private async Task<RegistryVersion> TellOne(ServiceType key)
    {
        var attempt = owed[key] = ++attempts;
        var registry = grains.GetGrain<IServiceRegistryGrain>(key.Value);
        // What is true now, whatever it was when this was first owed.
        var (record, liveness, lastIncarnation) = known();
        try
        {
            var version = record is not null && record.Registration.RegistryKeys.Contains(key)
                ? await registry.Join(new(record, liveness.ToRenewal(id, record.Incarnation, clock.Elapsed())))
                : await registry.Leave(id, lastIncarnation);
            if (owed.GetValueOrDefault(key) == attempt)
            {
                owed.Remove(key);
            }

            return version;
        }
        catch
        {
            // Made only now: a timer for each of 100,000 workers would be most of their memory.
            repair ??= new(grain, clock, () => Task.WhenAll(owed.Keys.ToList().Select(TellOne)), interleave: true);
            repair.Within(Patience);
            throw;
        }
    }
}
