using System.Collections.Concurrent;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>What goes from this silo to one registry.</summary>
internal interface ILane
{
    /// <summary>Whether it was not used since it was asked last, and takes nothing from now on.</summary>
    bool TryRetire();
}

/// <summary>
/// One lane for each service type that a worker of this silo offers. Those that are not used are given up, for names of
/// service types come and go.
/// </summary>
internal sealed class LaneTable<TLane>(Func<ServiceType, TLane> make)
    where TLane : class, ILane
{
    private readonly ConcurrentDictionary<ServiceType, TLane> lanes = new();

    public IEnumerable<TLane> All => lanes.Select(pair => pair.Value);

    /// <summary>The lane of a service type. Where it turns out to have retired, <see cref="Next"/> is the one after it.</summary>
    public TLane Of(ServiceType key) => lanes.TryGetValue(key, out var lane) ? lane : lanes.GetOrAdd(key, make);

    public TLane Next(ServiceType key, TLane retired)
    {
        lanes.TryRemove(new(key, retired));
        return Of(key);
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
