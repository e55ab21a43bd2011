using System.Numerics;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Assignment;

/// <summary>
/// Who serves what of the assignment catalog, and what was promised but has not shown in the registries yet: workers
/// that register at the same moment never get the same gap. Each operation costs the size of its change.
/// </summary>
internal sealed class AssignmentLedger(IReadOnlyList<AssignableService> catalog)
{
    /// <summary>A promise whose worker never joined is void after this.</summary>
    private static readonly TimeSpan PromiseLife = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, int> indexOf = catalog.Select((s, i) => (s.Name, i)).ToDictionary(s => s.Name, s => s.i);
    private readonly Dictionary<WorkerId, Holding> holdings = [];
    private readonly RegistryVersion?[] versions = new RegistryVersion?[catalog.Count];
    private readonly Queue<(WorkerId Id, int Number, TimeSpan End)> promises = new();
    private readonly int[] healthyOf = new int[catalog.Count];
    private readonly int[] healthyInTier = new int[5];
    private int promiseNumber;

    /// <summary>How far this service's registry has been followed.</summary>
    public RegistryVersion? VersionOf(int service) => versions[service];

    /// <summary>Takes in what a registry says; what was taken in already changes nothing.</summary>
    public void Apply(InstanceChanges changes)
    {
        var service = indexOf[changes.ServiceType.Value];
        var known = versions[service];
        if (known is { } version && version.Epoch == changes.Epoch && changes.To <= version.Version)
        {
            return;
        }

        if (changes.IsFull)
        {
            var listed = changes.Changes.Select(c => c.Id).ToHashSet();
            var bit = 1UL << service;
            foreach (var (id, _) in holdings.Where(h => (h.Value.Member & bit) != 0 && !listed.Contains(h.Key)).ToList())
            {
                Update(id, holding => holding with { Member = holding.Member & ~bit, Healthy = holding.Healthy & ~bit });
            }
        }

        // Two who asked at once get overlapping answers: each change is taken in once, or it would undo a promise made
        // since.
        var heard = known?.Epoch == changes.Epoch ? known.Value.Version : 0;
        foreach (var change in changes.Changes.Where(c => c.Version > heard))
        {
            ApplyOne(change, 1UL << service);
        }

        versions[service] = new(changes.ServiceType, changes.Epoch, changes.To);
    }

    /// <summary>Decides for a worker, and remembers what it was promised until the registries show it.</summary>
    public IReadOnlyList<ServiceType> Assign(WorkerId id, WorkerProfile worker, TimeSpan now)
    {
        DropOldPromises(now);
        // The worker itself does not count: what it served so far is a gap if it does not serve it on.
        Update(id, holding => holding with { Tier = worker.Tier, Promised = 0, Ignored = true });
        var decided = AssignmentRule.Decide(catalog, worker, healthyOf, healthyInTier[worker.Tier]);
        var mask = decided.Aggregate(0UL, (bits, service) => bits | (1UL << service));
        var number = ++promiseNumber;
        Update(id, holding => holding with { Promised = mask, PromiseNumber = number, Ignored = false });
        promises.Enqueue((id, number, now + PromiseLife));
        return [.. decided.Select(i => ServiceType.ParseKey(catalog[i].Name))];
    }

    private void ApplyOne(InstanceChange change, ulong bit)
    {
        if (change.Removed)
        {
            // Also one that joined and left since the registry was last asked has kept its promise.
            Update(change.Id, h => h with
            {
                Member = h.Member & ~bit,
                Healthy = h.Healthy & ~bit,
                Promised = h.Promised & ~bit,
            });
            return;
        }

        var healthy = change.State.IsHealthy();
        var tier = change.Registration is { } registration ? WorkerProfile.Of(registration.Capabilities).Tier : (int?)null;
        Update(change.Id, h => h with
        {
            Tier = tier ?? h.Tier,
            Member = h.Member | bit,
            Healthy = healthy ? h.Healthy | bit : h.Healthy & ~bit,
            Promised = h.Promised & ~bit,
        });
    }

    private void DropOldPromises(TimeSpan now)
    {
        while (promises.TryPeek(out var oldest) && oldest.End <= now)
        {
            promises.Dequeue();
            Update(oldest.Id, h => h.PromiseNumber == oldest.Number ? h with { Promised = 0 } : h);
        }
    }

    private void Update(WorkerId id, Func<Holding, Holding> change)
    {
        var before = holdings.GetValueOrDefault(id);
        var after = change(before);
        Count(before, -1);
        Count(after, +1);
        if ((after.Member | after.Promised) == 0 && !after.Ignored)
        {
            holdings.Remove(id);
        }
        else
        {
            holdings[id] = after;
        }
    }

    private void Count(Holding holding, int by)
    {
        var counted = holding.Counted;
        if (counted == 0)
        {
            return;
        }

        healthyInTier[holding.Tier] += by;
        for (var bits = counted; bits != 0; bits &= bits - 1)
        {
            healthyOf[BitOperations.TrailingZeroCount(bits)] += by;
        }
    }

    /// <summary>What is known of one worker; sets of services as bits.</summary>
    private readonly record struct Holding(int Tier, ulong Member, ulong Healthy, ulong Promised, int PromiseNumber, bool Ignored)
    {
        /// <summary>
        /// What it serves in health, and what it will serve. A promise that the registry shows counts by its state
        /// there.
        /// </summary>
        public ulong Counted => Ignored ? 0 : Healthy | (Promised & ~Member);
    }
}
