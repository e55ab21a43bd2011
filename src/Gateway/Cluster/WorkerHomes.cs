using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// On which silo each worker's grain was when it was last heard of. A hint: who is asked there says whether it still is.
/// </summary>
/// <remarks>
/// Workers are told apart by the hash of their id: two that share one share an entry, which costs them calls and is never
/// wrong. So an entry takes 24 bytes, and no id is kept.
/// </remarks>
internal sealed class WorkerHomes(int capacity = WorkerHomes.DefaultCapacity)
{
    private const int DefaultCapacity = 1_000_000;

    private readonly Lock gate = new();
    private readonly Dictionary<int, SiloHome> homes = [];
    private readonly Dictionary<SiloAddress, SiloHome> silos = [];

    /// <summary>How many workers have an entry.</summary>
    public int Count
    {
        get
        {
            lock (gate)
            {
                return homes.Count;
            }
        }
    }

    /// <summary>Null where it is not known, or was lost.</summary>
    public SiloHome? Find(WorkerId id)
    {
        lock (gate)
        {
            return homes.TryGetValue(id.GetHashCode(), out var home) && !home.Lost ? home : null;
        }
    }

    public void Learn(WorkerId id, SiloAddress silo)
    {
        lock (gate)
        {
            if (homes.Count >= capacity)
            {
                // Most are of workers that are gone; the others are learned again with their next heartbeats.
                homes.Clear();
                silos.Clear();
            }

            if (!silos.TryGetValue(silo, out var home))
            {
                silos.Add(silo, home = new(silo));
            }

            homes[id.GetHashCode()] = home;
        }
    }

    /// <summary>The worker was not there.</summary>
    public void Forget(WorkerId id)
    {
        lock (gate)
        {
            homes.Remove(id.GetHashCode());
        }
    }

    /// <summary>The silo did not answer: all that were there are elsewhere, until they are learned again.</summary>
    public void Lose(SiloHome home)
    {
        lock (gate)
        {
            home.Lost = true;
            if (silos.GetValueOrDefault(home.Silo) == home)
            {
                silos.Remove(home.Silo);
            }
        }
    }
}
