using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Sends registrations of workers that are taken to be new to the silos: to the one that has the registry of the worker's
/// first service type, where that is known, or else to the one that has the least to do for this gateway. While messages
/// to a silo are on their way, what comes for it gathers, and follows in one.
/// </summary>
internal sealed class SiloRegistrations(ClusterCalls cluster, SiloList silos, TimeProvider clock)
{
    /// <summary>For each silo: enough to have the next while it stores the last.</summary>
    public const int MostUnderWay = 2;

    /// <summary>Bounds the size of a message, and what is held up by one that is lost.</summary>
    public const int MostInOne = 250;

    /// <summary>After so long a message does not hold up others any more: its silo may hang.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a silo that did not answer is not asked again.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>Beyond that the homes are learned anew: most are of service types that are gone.</summary>
    private const int MostHomes = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<ServiceType, Lane> homes = [];
    private List<Lane> lanes = [];
    private int listVersion;
    private long turns;

    /// <summary>Registers a worker.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="floor">As of <see cref="IRegistrationsService.Add"/>.</param>
    /// <returns>The default value where no silo answered: the worker's grain has to be called.</returns>
    public Task<NewWorkerAnswer> Add(NewWorker worker, long floor)
    {
        var waiter = new Waiter(worker, floor);
        Lane? lane;
        lock (gate)
        {
            lane = LaneOf(waiter.Key);
            if (lane is null)
            {
                return Task.FromResult<NewWorkerAnswer>(default);
            }

            lane.Waiting.Enqueue(waiter);
            if (lane.UnderWay == MostUnderWay)
            {
                return waiter.Task;
            }

            lane.UnderWay++;
        }

        _ = SendWaiting(lane);
        return waiter.Task;
    }

    /// <summary>Null where no silo is known that may be asked.</summary>
    private Lane? LaneOf(ServiceType key)
    {
        if (silos.Version is var version && version != listVersion)
        {
            var known = lanes.ToDictionary(lane => lane.Silo);
            lanes = [.. silos.Silos.Select(silo => known.GetValueOrDefault(silo) ?? new(silo))];
            homes.Clear();
            listVersion = version;
        }

        var now = clock.Elapsed();
        if (homes.TryGetValue(key, out var home) && home.RestsUntil <= now)
        {
            return home;
        }

        Lane? best = null;
        foreach (var lane in lanes)
        {
            if (lane.RestsUntil <= now && (best is null || lane.Load < best.Load || (lane.Load == best.Load && lane.Turn < best.Turn)))
            {
                best = lane;
            }
        }

        if (best is not null)
        {
            best.Turn = ++turns;
        }

        return best;
    }

    private async Task SendWaiting(Lane lane)
    {
        while (TakeWaiting(lane) is { } batch)
        {
            try
            {
                await Send(lane, batch).WaitAsync(Patience, clock);
            }
            catch (TimeoutException)
            {
                // Whoever waits for it goes on waiting.
            }
        }
    }

    private List<Waiter>? TakeWaiting(Lane lane)
    {
        lock (gate)
        {
            if (lane.Waiting.Count == 0)
            {
                lane.UnderWay--;
                return null;
            }

            var batch = new List<Waiter>(Math.Min(lane.Waiting.Count, MostInOne));
            while (batch.Count < MostInOne && lane.Waiting.TryDequeue(out var waiter))
            {
                batch.Add(waiter);
            }

            lane.Unanswered += batch.Count;
            return batch;
        }
    }

    private async Task Send(Lane lane, List<Waiter> batch)
    {
        try
        {
            var answers = MayAsk(lane)
                ? await cluster.CallOnce(grains => SiloServices.RegistrationsAt(grains, lane.Silo)
                    .Add([.. batch.Select(w => w.Worker)], batch.Max(w => w.Floor)))
                : default;
            Hear(lane, batch, answers);
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].SetResult(answers.IsDefault ? default : answers[i]);
            }
        }
        // Whatever it is belongs to the callers; what waits has to be sent all the same.
        catch (Exception e)
        {
            Hear(lane, batch, default);
            batch.ForEach(waiter => waiter.TrySetException(e));
        }
    }

    /// <summary>What waited while the silo turned out not to answer is not left to find that out again.</summary>
    private bool MayAsk(Lane lane)
    {
        lock (gate)
        {
            return lane.RestsUntil <= clock.Elapsed();
        }
    }

    private void Hear(Lane lane, List<Waiter> batch, ImmutableArray<NewWorkerAnswer> answers)
    {
        lock (gate)
        {
            lane.Unanswered -= batch.Count;
            if (answers.IsDefault)
            {
                lane.RestsUntil = clock.Elapsed() + Rest;
                return;
            }

            for (var i = 0; i < batch.Count; i++)
            {
                var known = homes.GetValueOrDefault(batch[i].Key);
                if (answers[i].HasRegistry && known != lane && lanes.Contains(lane))
                {
                    if (homes.Count == MostHomes)
                    {
                        homes.Clear();
                    }

                    homes[batch[i].Key] = lane;
                }
                else if (!answers[i].HasRegistry && known == lane)
                {
                    homes.Remove(batch[i].Key);
                }
            }
        }
    }

    /// <summary>What is sent, and to be sent, to one silo.</summary>
    private sealed class Lane(SiloAddress silo)
    {
        public SiloAddress Silo => silo;

        public Queue<Waiter> Waiting { get; } = [];

        /// <summary>Messages that hold up others.</summary>
        public int UnderWay { get; set; }

        /// <summary>Registrations that were sent, also those that do not hold up others any more.</summary>
        public int Unanswered { get; set; }

        /// <summary>When it was chosen last, counted in choices: decides between those that have as much to do.</summary>
        public long Turn { get; set; }

        public TimeSpan RestsUntil { get; set; } = TimeSpan.MinValue;

        public int Load => Unanswered + Waiting.Count;
    }

    private sealed class Waiter(NewWorker worker, long floor)
        : TaskCompletionSource<NewWorkerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public NewWorker Worker => worker;

        public ServiceType Key => worker.Registration.RegistryKeys[0];

        public long Floor => floor;
    }
}
