using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Tells the registries what became of a worker. A registry that does not answer soon does not hold up an answer that
/// the store has made true: it is told again until it knows.
/// </summary>
/// <param name="worker">What is true of the worker now.</param>
/// <param name="lanes">Reaches the registries.</param>
/// <param name="clock">Tells the time.</param>
/// <param name="onFailure">
/// Is told of a registry that could not be told, and sees to it that it is told again.
/// </param>
internal sealed class WorkerRegistries(
    LiveWorker worker, RegistryLanes lanes, TimeProvider clock, Action<ServiceType> onFailure)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The registries that have yet to hear, with the number of the attempt that will settle it. None most of the time.
    /// </summary>
    private Dictionary<ServiceType, int>? owed;
    private int attempts;

    /// <summary>Whether all of them have heard what they were to be told.</summary>
    public bool AllKnow => owed is null;

    /// <summary>Those that have not.</summary>
    public ImmutableArray<ServiceType> Owed
    {
        get
        {
            lock (this)
            {
                return owed is null ? [] : [.. owed.Keys];
            }
        }
    }

    /// <summary>These have yet to hear, says who was to tell them before.</summary>
    public void Owe(ImmutableArray<ServiceType> keys)
    {
        lock (this)
        {
            foreach (var key in keys)
            {
                (owed ??= []).TryAdd(key, ++attempts);
            }
        }
    }

    /// <summary>Tells each registry, and answers with the versions of those that answered soon.</summary>
    public Task<ImmutableArray<RegistryVersion>> Tell(IEnumerable<ServiceType> keys) => Collect(keys.Select(TellOne));

    /// <summary>Tells those that have yet to hear. Fails where one of them fails again.</summary>
    public Task TellAgain() => Task.WhenAll(Owed.Select(TellOne));

    /// <summary>The versions of the calls that are answered soon; the others go on by themselves.</summary>
    public async Task<ImmutableArray<RegistryVersion>> Collect(IEnumerable<Task<RegistryVersion>> calls)
    {
        var started = calls.ToList();
        // Late or failed: what is owed is sent again by who was told of the failure, or by the batcher.
        await ((Task)Task.WhenAll(started)).WaitAsync(Patience, clock)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        return [.. started.Where(t => t.IsCompletedSuccessfully).Select(t => t.GetAwaiter().GetResult())];
    }

    private async Task<RegistryVersion> TellOne(ServiceType key)
    {
        int attempt;
        lock (this)
        {
            attempt = ++attempts;
            (owed ??= [])[key] = attempt;
        }

        try
        {
            var version = await lanes.Tell(key, worker);
            Settle(key, attempt);
            return version;
        }
        catch
        {
            onFailure(key);
            throw;
        }
    }

    private void Settle(ServiceType key, int attempt)
    {
        lock (this)
        {
            if (owed?.GetValueOrDefault(key) == attempt && owed.Remove(key) && owed.Count == 0)
            {
                owed = null;
            }
        }
    }
}
