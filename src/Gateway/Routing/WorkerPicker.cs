using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// Chooses a worker by the power of two random choices (Mitzenmacher, "The Power of Two Choices in Randomized Load
/// Balancing", 2001): two instances at random, of which the one with the lower cost gets the request. No lock, no
/// allocation, no grain call, and the same time for 10 instances as for 10,000. A request with an affinity key goes to
/// the first in its key's order (<see cref="AffinityTable"/>) that may take it.
/// </summary>
internal static class WorkerPicker
{
    /// <summary>
    /// Added to every latency, seconds: of two workers that answer in 0.5 and 1 ms neither is twice as good, they are
    /// equal. About a pause of a garbage collector, which says nothing of a worker.
    /// </summary>
    private const double LatencyFloor = 0.01;

    /// <summary>
    /// Costs closer than this factor count as equal, or noise would starve whichever worker is a little slower.
    /// </summary>
    private const double Tie = 1.5;

    /// <summary>After so many random looks that found nothing usable, all are looked at in turn.</summary>
    private const int RandomLooks = 6;

    /// <summary>
    /// So many of a key's workers are looked at; where all are excluded, chance decides as for other requests.
    /// </summary>
    private const int AffinityLooks = 8;

    /// <summary>Takes a place at a worker, which the caller gives back with <see cref="WorkerLink.Leave"/>.</summary>
    /// <param name="wish">What is asked for.</param>
    /// <param name="now">The time: reading it takes as long as half the choice, and a request has done so just before.</param>
    public static Choice Pick(in Wish wish, TimeSpan now)
    {
        if (wish.Affinity is { } key && PickByKey(key, wish, now) is { Instance: not null } met)
        {
            return met;
        }

        var full = false;
        foreach (var tier in wish.Snapshot.Tiers)
        {
            if (PickFrom(tier, wish, now, evenSetAside: false, ref full) is { Instance: not null } chosen)
            {
                return chosen;
            }
        }

        if (wish.LastResort == LastResort.Any || (wish.LastResort == LastResort.UnlessFull && !full))
        {
            foreach (var tier in wish.Snapshot.Tiers)
            {
                if (PickFrom(tier, wish, now, evenSetAside: true, ref full) is { Instance: not null } chosen)
                {
                    return chosen;
                }
            }
        }

        return new(null, Full: full);
    }

    /// <summary>Takes a place at this worker, where it is one that the request may go to.</summary>
    public static Choice Take(Instance instance, ReadOnlySpan<WorkerLink?> tried, bool repeatable, TimeSpan now) =>
        instance.Info.State is WorkerState.Online or WorkerState.Degraded
        && StandingOf(instance, tried, repeatable, now, evenSetAside: false) == Standing.Usable
            ? TryEnter(instance, now, evenSetAside: false)
            : default;

    /// <summary>
    /// (own requests in flight + 1) × latency × (1 + reported load). Unknown latency counts as none: a new worker is
    /// tried at once, and its requests in flight keep it from being flooded.
    /// </summary>
    public static double Cost(Instance instance, TimeSpan now) => Cost(instance, instance.Link.InFlight, now);

    /// <summary>The same with so many requests in flight.</summary>
    public static double Cost(Instance instance, int inFlight, TimeSpan now) =>
        (inFlight + 1)
        * (LatencyFloor + instance.Link.LatencySeconds(now))
        * (1 + instance.Load);

    private static Choice PickByKey(ulong key, in Wish wish, TimeSpan now)
    {
        var table = wish.Snapshot.Affinity;
        Span<int> order = stackalloc int[AffinityLooks];
        foreach (var place in order[..table.Rank(key, order)])
        {
            var instance = table.Instances[place];
            if (StandingOf(instance, wish.Tried, wish.Repeatable, now, evenSetAside: false) == Standing.Usable
                && table.HasRoom(place)
                && TryEnter(instance, now, evenSetAside: false) is { Instance: not null } met)
            {
                return met;
            }
        }

        return default;
    }

    private static Choice PickFrom(InstanceList tier, in Wish wish, TimeSpan now, bool evenSetAside, ref bool full)
    {
        for (var look = 0; look < RandomLooks; look++)
        {
            var place = Random.Shared.Next(tier.Length);
            var first = tier[place];
            // Another one, or of three workers a slow one would be met by itself one time in nine.
            var second = tier.Length == 1 ? first : tier[(place + 1 + Random.Shared.Next(tier.Length - 1)) % tier.Length];
            var firstUsable = IsUsable(first, wish, now, evenSetAside);
            var better = second != first && IsUsable(second, wish, now, evenSetAside)
                && (!firstUsable || Cheaper(second, first, now)) ? second
                : firstUsable ? first
                : null;
            if (better is not null && TryEnter(better, now, evenSetAside) is { Instance: not null } chosen)
            {
                return chosen;
            }
        }

        var start = Random.Shared.Next(tier.Length);
        for (var i = 0; i < tier.Length; i++)
        {
            var instance = tier[(start + i) % tier.Length];
            switch (StandingOf(instance, wish.Tried, wish.Repeatable, now, evenSetAside))
            {
                case Standing.Usable when TryEnter(instance, now, evenSetAside) is { Instance: not null } chosen:
                    return chosen;
                case Standing.Usable when instance.MaxConcurrency is not null:
                case Standing.Full:
                    full |= !evenSetAside;
                    break;
                default:
                    break;
            }
        }

        return default;
    }

    private static bool IsUsable(Instance instance, in Wish wish, TimeSpan now, bool evenSetAside) =>
        StandingOf(instance, wish.Tried, wish.Repeatable, now, evenSetAside) == Standing.Usable;

    private static Standing StandingOf(
        Instance instance, ReadOnlySpan<WorkerLink?> tried, bool repeatable, TimeSpan now, bool evenSetAside)
    {
        foreach (var link in tried)
        {
            if (link == instance.Link)
            {
                return Standing.Excluded;
            }
        }

        if (!evenSetAside && instance.Link.IsAvoided(repeatable, now))
        {
            return Standing.Excluded;
        }

        return instance.MaxConcurrency is { } limit && instance.Link.InFlight >= limit
            ? Standing.Full
            : Standing.Usable;
    }

    private static Choice TryEnter(Instance instance, TimeSpan now, bool evenSetAside)
    {
        var link = instance.Link;
        if (!link.TryEnter(instance.MaxConcurrency))
        {
            return default;
        }

        var trial = false;
        if (!evenSetAside && !link.MayTry(now, out trial))
        {
            link.GiveUp();
            return default;
        }

        return new(instance, trial);
    }

    /// <summary>
    /// Whether the second choice is better by more than noise; between near equals their weights decide.
    /// </summary>
    private static bool Cheaper(Instance second, Instance first, TimeSpan now)
    {
        var (cost1, cost2) = (Cost(first, now), Cost(second, now));
        double weight1 = first.Weight;
        double weight2 = second.Weight;
        var equal = cost2 * Tie > cost1 && cost1 * Tie > cost2;
        if (!equal)
        {
            return cost2 / weight2 < cost1 / weight1;
        }

        // The first is as random as the second, so where the weights are equal too it may stay.
        return weight1 != weight2 && Random.Shared.NextDouble() * (weight1 + weight2) < weight2;
    }

    /// <summary>Whether a request may go to a worker.</summary>
    private enum Standing
    {
        /// <summary>It has failed, this request or others lately.</summary>
        Excluded,

        /// <summary>It could, but for its limit.</summary>
        Full,

        Usable,
    }
}
