using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Sends registrations of workers that are taken to be new to the silos, gathered in messages (<see cref="SiloLane"/>): to
/// the silo that has the registry of the worker's first service type, where that is known, or else to the one that has
/// the least to do for this gateway.
/// </summary>
internal sealed class SiloRegistrations(ClusterCalls cluster, SiloList silos, TimeProvider clock)
{
    public const int MostInOne = 250;

    /// <summary>How long a silo that did not answer is not asked again.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>Beyond that the homes are learned anew: most are of service types that are gone.</summary>
    private const int MostHomes = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<ServiceType, Target> homes = [];
    private List<Target> targets = [];
    private int listVersion;
    private long turns;

    /// <summary>Registers a worker.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="floor">As of <see cref="IRegistrationsService.Add"/>.</param>
    /// <returns>The default value where no silo answered: the worker's grain has to be called.</returns>
    public Task<NewWorkerAnswer> Add(NewWorker worker, long floor)
    {
        Target? target;
        lock (gate)
        {
            target = TargetFor(worker.Registration.RegistryKeys[0]);
        }

        return target?.Lane.Send((worker, floor)) ?? Task.FromResult<NewWorkerAnswer>(default);
    }

    /// <summary>Null where no silo is known that may be asked.</summary>
    private Target? TargetFor(ServiceType key)
    {
        if (silos.Version is var version && version != listVersion)
        {
            var known = targets.ToDictionary(target => target.Silo);
            targets = [.. silos.Silos.Select(silo => known.GetValueOrDefault(silo) ?? new(silo, this, clock))];
            homes.Clear();
            listVersion = version;
        }

        var now = clock.Elapsed();
        if (homes.TryGetValue(key, out var home) && home.RestsUntil <= now)
        {
            return home;
        }

        var best = targets.Where(target => target.RestsUntil <= now).MinBy(target => (target.Lane.Load, target.Turn));
        best?.Turn = ++turns;
        return best;
    }

    private async Task<IReadOnlyList<NewWorkerAnswer>> Send(Target target, IReadOnlyList<(NewWorker Worker, long Floor)> batch)
    {
        // What waited while the silo turned out not to answer is not left to find that out again.
        var answers = MayAsk(target)
            ? await cluster.CallOnce(grains => (target.Service ??= SiloServices.RegistrationsAt(grains, target.Silo))
                .Add([.. batch.Select(item => item.Worker)], batch.Max(item => item.Floor)))
            : default;
        lock (gate)
        {
            if (answers.IsDefault)
            {
                target.RestsUntil = clock.Elapsed() + Rest;
                return new NewWorkerAnswer[batch.Count];
            }

            for (var i = 0; i < batch.Count; i++)
            {
                Learn(batch[i].Worker.Registration.RegistryKeys[0], target, answers[i].HasRegistry);
            }
        }

        return answers;
    }

    private bool MayAsk(Target target)
    {
        lock (gate)
        {
            return target.RestsUntil <= clock.Elapsed();
        }
    }

    private void Learn(ServiceType key, Target target, bool hasRegistry)
    {
        var known = homes.GetValueOrDefault(key);
        if (hasRegistry && known != target && targets.Contains(target))
        {
            if (homes.Count == MostHomes)
            {
                homes.Clear();
            }

            homes[key] = target;
        }
        else if (!hasRegistry && known == target)
        {
            homes.Remove(key);
        }
    }

    private sealed class Target
    {
        public Target(SiloAddress silo, SiloRegistrations registrations, TimeProvider clock)
        {
            Silo = silo;
            Lane = new(batch => registrations.Send(this, batch), MostInOne, clock);
        }

        public SiloAddress Silo { get; }

        /// <summary>Kept: to make it anew takes as long as a tenth of a message.</summary>
        public IRegistrationsService? Service { get; set; }

        public SiloLane<(NewWorker Worker, long Floor), NewWorkerAnswer> Lane { get; }

        /// <summary>When it was chosen last, counted in choices: decides between those that have as much to do.</summary>
        public long Turn { get; set; }

        public TimeSpan RestsUntil { get; set; } = TimeSpan.MinValue;
    }
}
