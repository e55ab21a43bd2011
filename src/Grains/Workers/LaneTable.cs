using System.Collections.Concurrent;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// One lane for each service type that a worker of this silo offers. Those that are not used are given up, for names of
/// service types come and go.
/// </summary>
internal sealed class LaneTable<TLane>(Func<ServiceType, TLane> make)
    where TLane : Lane
{
    private readonly ConcurrentDictionary<ServiceType, TLane> lanes = new();

    public IEnumerable<TLane> All => lanes.Select(pair => pair.Value);

    /// <summary>Gives something to the lane of a service type.</summary>
    /// <param name="key">The service type.</param>
    /// <param name="item">What is to be taken.</param>
    /// <param name="take">Has a lane take it; null where that has retired, and the one after it is to take it.</param>
    public TResult Use<TItem, TResult>(ServiceType key, TItem item, Func<TLane, TItem, TResult?> take)
        where TResult : class
    {
        while (true)
        {
            var lane = lanes.TryGetValue(key, out var known) ? known : lanes.GetOrAdd(key, make);
            if (take(lane, item) is { } taken)
            {
                return taken;
            }

            lanes.TryRemove(new(key, lane));
        }
    }

    /// <summary>Gives up those that were not used since it was called last.</summary>
    public void Sweep()
    {
        foreach (var (key, lane) in lanes)
        {
            if (lane.TryRetire())
            {
                lanes.TryRemove(new(key, lane));
            }
        }
    }
}
