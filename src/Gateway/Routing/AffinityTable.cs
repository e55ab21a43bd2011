using System.IO.Hashing;
using System.Text;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// The order in which the workers of a route are asked for an affinity key: rendezvous hashing (Thaler and
/// Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998), so that a worker that goes moves only its own
/// keys, and one that comes takes only the keys that become its own. Weights by the logarithm method: with u the hash
/// as a number between 0 and 1, the highest of -weight / ln u. The hashes are of the ids and keys alone, so all gateways
/// agree.
/// A worker has room only up to its share of the requests in flight times <see cref="Slack"/> (Mirrokni, Thorup and
/// Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016): a key that everybody asks for spreads over the next.
/// </summary>
/// <remarks>
/// A pass over all instances a request: with the hashes of the ids beside each other that is some 30 µs for 10,000.
/// Zones are not looked at: gateways of different zones would send the same key to different workers.
/// </remarks>
internal sealed class AffinityTable
{
    public const int LongestKeyBytes = 256;

    /// <summary>The c of bounded loads: nearer to 1 spreads evenly, higher keeps keys together.</summary>
    private const double Slack = 1.25;

    /// <summary>
    /// So many requests in flight a worker always has room for: with a handful in all, a share is one or two, and two
    /// requests of one key would part for nothing.
    /// </summary>
    private const int AlwaysRoom = 4;

    private readonly ulong[] seeds;

    /// <summary>Null where all are equal.</summary>
    private readonly double[]? weights;
    private readonly double weightSum;

    private AffinityTable(Instance[] instances)
    {
        Instances = instances;
        seeds = Array.ConvertAll(instances, i => SeedOf(i.Link.Id));
        var all = Array.ConvertAll(instances, i => (double)i.Info.Registration.Weight);
        weightSum = all.Sum();
        weights = all.All(w => w == all[0]) ? null : all;
    }

    /// <summary>The workers that keys are sent to.</summary>
    public Instance[] Instances { get; }

    /// <summary>Of the online instances or, where there are none, of the degraded.</summary>
    public static AffinityTable Of(Instance[] all)
    {
        var online = Array.FindAll(all, i => i.Info.State == WorkerState.Online);
        return new(online.Length > 0 ? online : Array.FindAll(all, i => i.Info.State == WorkerState.Degraded));
    }

    /// <summary>The hash of a key; at most <see cref="LongestKeyBytes"/> in UTF-8.</summary>
    public static ulong HashOf(string key)
    {
        Span<byte> bytes = stackalloc byte[LongestKeyBytes];
        return XxHash3.HashToUInt64(bytes[..Encoding.UTF8.GetBytes(key, bytes)]);
    }

    /// <summary>The first workers in a key's order, as places in <see cref="Instances"/>.</summary>
    /// <param name="key">Its hash.</param>
    /// <param name="order">Is filled as far as there are workers.</param>
    /// <returns>How many were filled in.</returns>
    public int Rank(ulong key, Span<int> order)
    {
        Span<double> scores = stackalloc double[order.Length];
        var found = 0;
        for (var i = 0; i < seeds.Length; i++)
        {
            var u = ((Mix(key ^ seeds[i]) >> 11) + 0.5) * (1.0 / (1UL << 53));
            var score = weights is null ? u : -weights[i] / Math.Log(u);
            if (found == order.Length && score <= scores[found - 1])
            {
                continue;
            }

            var at = found < order.Length ? found++ : found - 1;
            for (; at > 0 && scores[at - 1] < score; at--)
            {
                (scores[at], order[at]) = (scores[at - 1], order[at - 1]);
            }

            (scores[at], order[at]) = (score, i);
        }

        return found;
    }

    /// <summary>Whether a worker has not more than its share of the requests in flight at all of them.</summary>
    /// <param name="place">Its place in <see cref="Instances"/>.</param>
    public bool HasRoom(int place)
    {
        var inFlight = Instances[place].Link.InFlight;
        if (inFlight < AlwaysRoom)
        {
            return true;
        }

        long sum = 1;
        foreach (var instance in Instances)
        {
            sum += instance.Link.InFlight;
        }

        return inFlight < Math.Ceiling(Slack * sum * (weights?[place] ?? weightSum / Instances.Length) / weightSum);
    }

    private static ulong SeedOf(WorkerId id)
    {
        Span<byte> bytes = stackalloc byte[Identifier.MaxLength];
        return XxHash3.HashToUInt64(bytes[..Encoding.ASCII.GetBytes(id.Value, bytes)]);
    }

    /// <summary>Spreads every bit of a number over all (the finalizer of SplitMix64, Steele et al., 2014).</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
}
