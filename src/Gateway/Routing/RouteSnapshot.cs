using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// One service type's instances, sorted into the tiers in which a choice looks at them. Immutable: a request reads the
/// reference once and has a consistent view to its end.
/// </summary>
/// <param name="Version">The registry version that it shows.</param>
/// <param name="All">Every instance, in no order.</param>
/// <param name="Tiers">
/// The instances that may be routed to: online ones of this gateway's zone, other online ones, degraded ones.
/// </param>
internal sealed record RouteSnapshot(RegistryVersion Version, Instance[] All, Instance[][] Tiers)
{
    private const int TierCount = 3;

    private AffinityTable? affinity;

    /// <summary>Who is asked for which affinity key; made when the first request has one.</summary>
    public AffinityTable Affinity => Volatile.Read(ref affinity) ?? MakeAffinity();

    /// <summary>In two passes over all instances: a registration storm makes many snapshots of long lists.</summary>
    public static RouteSnapshot Of(RegistryVersion version, IReadOnlyCollection<Instance> instances, string? zone)
    {
        var all = instances.ToArray();
        Span<int> sizes = stackalloc int[TierCount];
        foreach (var instance in all)
        {
            if (TierOf(instance, zone) is { } tier)
            {
                sizes[tier]++;
            }
        }

        Instance[][] tiers = [new Instance[sizes[0]], new Instance[sizes[1]], new Instance[sizes[2]]];
        foreach (var instance in all)
        {
            if (TierOf(instance, zone) is { } tier)
            {
                tiers[tier][--sizes[tier]] = instance;
            }
        }

        return new(version, all, [.. tiers.Where(tier => tier.Length > 0)]);
    }

    private AffinityTable MakeAffinity() =>
        LazyInitializer.EnsureInitialized(ref affinity, () => AffinityTable.Of(All));

    private static int? TierOf(Instance instance, string? zone)
    {
        var info = instance.Info;
        return info.State switch
        {
            WorkerState.Online => zone is null || info.Registration.Zone == zone ? 0 : 1,
            WorkerState.Degraded => 2,
            _ => null,
        };
    }
}
