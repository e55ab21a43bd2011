using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// Keeps a route's instances sorted into tiers as they change. Used under the route's lock; what it gives out never
/// changes.
/// </summary>
/// <param name="zone">The gateway's zone, if it has one.</param>
internal sealed class RouteTiers(string? zone)
{
    /// <summary>The tiers of a snapshot, and last those that are not routed to.</summary>
    private const int Unrouted = 3;
    private readonly InstanceList[] lists = [.. Enumerable.Repeat(InstanceList.Empty, Unrouted + 1)];

    /// <summary>Puts an instance that is new, or whose state or zone changed, where it belongs.</summary>
    public void Put(Instance instance)
    {
        var tier = TierOf(instance.Info);
        if (instance.Tier == tier)
        {
            return;
        }

        Remove(instance);
        (instance.Tier, instance.Place) = (tier, lists[tier].Length);
        lists[tier] = lists[tier].Add(instance);
    }

    public void Remove(Instance instance)
    {
        if (instance.Tier is not { } tier)
        {
            return;
        }

        var list = lists[tier];
        list[list.Length - 1].Place = instance.Place;
        lists[tier] = list.RemoveAt(instance.Place);
        instance.Tier = null;
    }

    /// <summary>Sorts all anew, at less than it costs to put each.</summary>
    public void Fill(IReadOnlyCollection<Instance> instances)
    {
        var sorted = instances.ToLookup(i => TierOf(i.Info));
        for (var tier = 0; tier <= Unrouted; tier++)
        {
            lists[tier] = InstanceList.Of(sorted[tier]);
            var place = 0;
            foreach (var instance in lists[tier])
            {
                (instance.Tier, instance.Place) = (tier, place++);
            }
        }
    }

    public RouteSnapshot Snapshot(RegistryVersion version) =>
        new(version, [.. lists[..Unrouted].Where(tier => tier.Length > 0)], lists[Unrouted]);

    private int TierOf(InstanceInfo info) => info.State switch
    {
        WorkerState.Online => zone is null || info.Registration.Zone == zone ? 0 : 1,
        WorkerState.Degraded => 2,
        _ => Unrouted,
    };
}
