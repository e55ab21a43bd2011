using System.IO.Hashing;
using System.Numerics;
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
/// A pass over all instances a request, several at a time as the processor can.
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

    /// <summary>The hashes of the ids, and nothing behind them up to a whole vector.</summary>
    private readonly ulong[] seeds;

    /// <summary>Null where all are equal.</summary>
    private readonly double[]? weights;
    private readonly double weightSum;
    private readonly double highestWeight;

    private AffinityTable(Instance[] instances)
    {
        Instances = instances;
        seeds = new ulong[instances.Length + Vector<ulong>.Count - 1];
        for (var i = 0; i < instances.Length; i++)
        {
            seeds[i] = SeedOf(instances[i].Link.Id);
        }

        var all = Array.ConvertAll(instances, i => (double)i.Info.Registration.Weight);
        weightSum = all.Sum();
        weights = all.All(w => w == all[0]) ? null : all;
        highestWeight = all.DefaultIfEmpty().Max();
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
        var least = 0UL;
        for (var i = 0; i < Instances.Length; i += Vector<ulong>.Count)
        {
            var hashes = Mix(new Vector<ulong>(seeds, i) ^ new Vector<ulong>(key));
            if (!Vector.GreaterThanOrEqualAny(hashes, new Vector<ulong>(least)))
            {
                continue;
            }

            var end = Math.Min(Vector<ulong>.Count, Instances.Length - i);
            for (var lane = 0; lane < end; lane++)
            {
                if (hashes[lane] >= least)
                {
                    found = Insert(i + lane, hashes[lane], scores, order, found);
                    least = found == order.Length ? LeastAbove(scores[^1]) : 0;
                }
            }
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

    /// <summary>Puts a worker among the first, if it is one of them.</summary>
    private int Insert(int place, ulong hash, Span<double> scores, Span<int> order, int found)
    {
        var u = ((hash >> 11) + 0.5) * (1.0 / (1UL << 53));
        var score = weights is null ? u : -weights[place] / Math.Log(u);
        if (found == order.Length && score <= scores[found - 1])
        {
            return found;
        }

        var at = found < order.Length ? found++ : found - 1;
        for (; at > 0 && scores[at - 1] < score; at--)
        {
            (scores[at], order[at]) = (scores[at - 1], order[at - 1]);
        }

        (scores[at], order[at]) = (score, place);
        return found;
    }

    /// <summary>
    /// A hash below which no score is above this one, whatever the worker's weight: so that hardly any logarithm is taken.
    /// </summary>
    private ulong LeastAbove(double score)
    {
        // What the logarithm and the exponential may be off by.
        const double margin = 1e-12;
        var u = weights is null ? score : Math.Exp(-highestWeight / score) * (1 - margin);
        return (ulong)(u * 18446744073709551616.0);
    }

    private static ulong SeedOf(WorkerId id)
    {
        Span<byte> bytes = stackalloc byte[Identifier.MaxLength];
        return XxHash3.HashToUInt64(bytes[..Encoding.ASCII.GetBytes(id.Value, bytes)]);
    }

    /// <summary>Spreads every bit of a number over all (the finalizer of SplitMix64, Steele et al., 2014).</summary>
    private static Vector<ulong> Mix(Vector<ulong> x)
    {
        x = (x ^ (x >> 30)) * new Vector<ulong>(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * new Vector<ulong>(0x94d049bb133111eb);
        return x ^ (x >> 31);
    }
}
