using System.Collections.Concurrent;
using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// The workers that a silo has in memory. A heartbeat that changes nothing but the lease and the load is applied here:
/// a call to the worker's grain would cost ten times as much, and would decide the same.
/// </summary>
public sealed class LiveWorkers
{
    /// <summary>
    /// So long a grain is left alone; it leaves memory after three times as long without a call (Orleans' default).
    /// </summary>
    internal static readonly TimeSpan LeftAlone = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<WorkerId, LiveWorker> workers = new();
    private readonly RenewalBatcher renewals;
    private readonly TimeProvider clock;
    private readonly TimeSpan calledWithin;

    internal LiveWorkers(RenewalBatcher renewals, TimeProvider clock, bool alone, SiloAddress? silo = null)
    {
        Silo = silo;
        this.renewals = renewals;
        this.clock = clock;
        Alone = alone;
        calledWithin = alone ? TimeSpan.MaxValue : LeftAlone;
    }

    /// <summary>
    /// Whether there never is another silo. Then what is known of a worker outlives its grain, which may leave memory as
    /// soon as it has nothing to do. Otherwise the grain may come back on another silo, and nothing is kept without it.
    /// </summary>
    internal bool Alone { get; }

    /// <summary>Where this silo listens for gateways, which sends them back to it with what it has in memory.</summary>
    internal SiloAddress? Silo { get; }

    /// <summary>The workers in memory, of which some may be gone by the time one looks.</summary>
    internal IEnumerable<LiveWorker> All => workers.Select(pair => pair.Value);

    /// <summary>Renews a lease where only that is to be done.</summary>
    /// <returns>Null, with nothing changed, where the worker's grain has to be called.</returns>
    public HeartbeatAnswer? TryRenew(WorkerId id, Heartbeat beat) =>
        workers.TryGetValue(id, out var worker)
        && worker.TryRenew(beat, clock.Elapsed(), calledWithin, renewals, out var liveness) is { } record
            ? Answer(record, liveness, [])
            : null;

    /// <summary>The same for many.</summary>
    /// <returns>An answer for each, in order; null where the worker's grain has to be called.</returns>
    internal ImmutableArray<HeartbeatAnswer?> TryRenew(ImmutableArray<WorkerHeartbeat> beats)
    {
        var answers = ImmutableArray.CreateBuilder<HeartbeatAnswer?>(beats.Length);
        var said = Silo is null;
        foreach (var beat in beats)
        {
            var answer = TryRenew(beat.Id, beat.Beat);
            if (answer is not null && !said)
            {
                (answer, said) = (answer with { Silo = Silo }, true);
            }

            answers.Add(answer);
        }

        return answers.MoveToImmutable();
    }

    /// <summary>The answer to a heartbeat that renewed the lease.</summary>
    internal static HeartbeatAnswer Answer(
        WorkerRecord record, in Liveness liveness, ImmutableArray<Registry.RegistryVersion> versions) => new(
        HeartbeatOutcome.Renewed,
        record.Incarnation,
        WorkerLifecycle.StateOf(leaseRuns: true, suspected: false, record.Draining, liveness.Degraded),
        record.Registration.Lease,
        versions);

    /// <summary>A worker's grain comes into memory. It has to wait until the worker is vacated.</summary>
    internal LiveWorker Enter(WorkerId id)
    {
        if (!Alone)
        {
            return workers[id] = new(id);
        }

        while (true)
        {
            var worker = workers.GetOrAdd(id, static key => new(key));
            if (worker.TryEnter())
            {
                return worker;
            }
        }
    }

    /// <summary>A worker's grain leaves memory.</summary>
    internal void Leave(LiveWorker worker)
    {
        if (!Alone)
        {
            Remove(worker);
        }
        else
        {
            worker.Depart(isGrain: true, Remove);
        }
    }

    /// <summary>The caller takes the place of a worker's grain until it vacates it.</summary>
    /// <returns>Null where the grain is in memory, or somebody else has taken its place.</returns>
    internal LiveWorker? Occupy(WorkerId id)
    {
        while (Alone)
        {
            var worker = workers.GetOrAdd(id, static key => new(key));
            if (worker.TryOccupy() is { } occupied)
            {
                return occupied ? worker : null;
            }
        }

        return null;
    }

    /// <summary>The worker's grain may come into memory again.</summary>
    internal void Vacate(LiveWorker worker) => worker.Depart(isGrain: false, Remove);

    private void Remove(LiveWorker worker) => workers.TryRemove(new(worker.Id, worker));
}
