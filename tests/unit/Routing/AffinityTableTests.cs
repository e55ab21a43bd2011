using System.IO.Hashing;
using System.Text;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;
using Instance = WorkerMesh.Gateway.Routing.Instance;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class AffinityTableTests
{
    private const int Keys = 20_000;

    [Fact]
    public void Hashes_are_the_same_in_every_process_and_release()
    {
        // Gateways of two releases run side by side during an update.
        Assert.Equal(0x9555e8555c62dcfdUL, AffinityTable.HashOf("hello"));
        var table = Table(Enumerable.Range(0, 5).Select(i => Sample.Instance($"w{i}")));
        Assert.Equal(["w2", "w3", "w4", "w1", "w0"], Array.ConvertAll(["a", "b", "c", "d", "e"], key => First(table, key)));
    }

    [Fact]
    public void Keys_are_spread_evenly()
    {
        var shares = Shares(Table(Enumerable.Range(0, 10).Select(i => Sample.Instance($"w{i}"))));
        // The standard deviation is 2 %.
        Assert.All(shares.Values, share => Assert.InRange(share, Keys / 10 * 0.9, Keys / 10 * 1.1));
    }

    [Fact]
    public void Weights_are_shares()
    {
        var shares = Shares(Table(
            [Sample.Instance("a", weight: 3), Sample.Instance("b"), Sample.Instance("c", weight: 6)]));
        Assert.InRange(shares["a"], Keys * 0.28, Keys * 0.32);
        Assert.InRange(shares["b"], Keys * 0.085, Keys * 0.115);
        Assert.InRange(shares["c"], Keys * 0.57, Keys * 0.63);
    }

    [Fact]
    public void A_worker_that_goes_moves_only_its_own_keys()
    {
        var instances = Enumerable.Range(0, 10).Select(i => Sample.Instance($"w{i}", weight: 1 + (i % 3))).ToList();
        var (before, after) = (Table(instances), Table(instances.Where(i => i.Link.Id.Value != "w4")));
        foreach (var key in Enumerable.Range(0, Keys).Select(i => $"key-{i}"))
        {
            var was = First(before, key);
            if (was == "w4")
            {
                // To the next in the key's order.
                Assert.Equal(Order(before, key, 2)[1], First(after, key));
            }
            else
            {
                Assert.Equal(was, First(after, key));
            }
        }
    }

    [Fact]
    public void The_order_does_not_depend_on_that_of_the_list()
    {
        var instances = Enumerable.Range(0, 20).Select(i => Sample.Instance($"w{i}")).ToList();
        var (one, other) = (Table(instances), Table(instances.AsEnumerable().Reverse()));
        Assert.All(
            Enumerable.Range(0, 100).Select(i => $"key-{i}"),
            key => Assert.Equal(Order(one, key, 8), Order(other, key, 8)));
    }

    /// <summary>Worked out one by one, and all of them sorted.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(5, 1)]
    [InlineData(7, 9)]
    [InlineData(8, 1)]
    [InlineData(9, 100)]
    [InlineData(1_003, 1)]
    [InlineData(1_003, 3)]
    [InlineData(1_003, 100)]
    public void The_first_of_a_key_are_those_with_the_highest_scores_of_all(int count, int weights)
    {
        var instances = Enumerable.Range(0, count).Select(i => Sample.Instance($"w{i}", weight: 1 + (i * 7919 % weights)));
        var table = Table(instances);
        for (var i = 0; i < 200; i++)
        {
            var key = AffinityTable.HashOf($"key-{i}");
            var order = new int[8];
            var found = table.Rank(key, order);
            var expected = Enumerable.Range(0, count).OrderByDescending(p => Score(key, table.Instances[p])).Take(8);
            Assert.Equal(expected, order.Take(found));
        }

        static double Score(ulong key, Instance instance)
        {
            var x = key ^ XxHash3.HashToUInt64(Encoding.ASCII.GetBytes(instance.Link.Id.Value));
            x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
            x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
            x ^= x >> 31;
            return -instance.Weight / Math.Log(((x >> 11) + 0.5) / (1UL << 53));
        }
    }

    [Fact]
    public void Degraded_workers_are_asked_only_where_none_is_online_and_zones_do_not_matter()
    {
        var instances = new[]
        {
            Sample.Instance("near", zone: "a"), Sample.Instance("far", zone: "b"),
            Sample.Instance("ill", WorkerState.Degraded), Sample.Instance("gone", WorkerState.Offline),
            Sample.Instance("drained", WorkerState.Draining),
        };
        Assert.Equal(["far", "near"], Sample.Snapshot("a", instances).Affinity.Instances.Select(i => i.Link.Id.Value).Order());
        Assert.Equal(["ill"], Sample.Snapshot(instances[2..]).Affinity.Instances.Select(i => i.Link.Id.Value));
        Assert.Empty(Sample.Snapshot(instances[3..]).Affinity.Instances);
    }

    [Theory]
    // A handful in flight is always taken.
    [InlineData(3, 0, 0, true)]
    [InlineData(4, 0, 0, false)]
    // 1.25 times the mean of those in flight with the next, rounded up.
    [InlineData(10, 10, 10, true)]
    [InlineData(12, 10, 10, true)]
    [InlineData(14, 10, 10, true)]
    [InlineData(15, 10, 10, false)]
    [InlineData(30, 30, 30, true)]
    [InlineData(40, 25, 25, false)]
    public void A_worker_has_room_up_to_its_share_and_a_quarter(int own, int second, int third, bool expected)
    {
        var instances = new[] { own, second, third }.Select((inFlight, i) =>
        {
            var instance = Sample.Instance($"w{i}");
            Enter(instance, inFlight);
            return instance;
        }).ToArray();
        var table = Table(instances);
        Assert.Equal(expected, table.HasRoom(Array.IndexOf(table.Instances, instances[0])));
    }

    [Fact]
    public void The_share_grows_with_the_weight()
    {
        var (heavy, light) = (Sample.Instance("heavy", weight: 3), Sample.Instance("light"));
        Enter(heavy, 35);
        Enter(light, 15);
        var table = Table([heavy, light]);
        Assert.True(table.HasRoom(Array.IndexOf(table.Instances, heavy)));
        Assert.True(table.HasRoom(Array.IndexOf(table.Instances, light)));
        Enter(light, 1);
        Enter(light, 3);
        Assert.False(table.HasRoom(Array.IndexOf(table.Instances, light)));
    }

    private static void Enter(Instance instance, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.True(instance.Link.TryEnter(null));
        }
    }

    private static AffinityTable Table(IEnumerable<Instance> instances) => Sample.Snapshot([.. instances]).Affinity;

    private static Dictionary<string, int> Shares(AffinityTable table) => Enumerable.Range(0, Keys)
        .GroupBy(i => First(table, $"key-{i}")).ToDictionary(g => g.Key, g => g.Count());

    private static string First(AffinityTable table, string key) => Order(table, key, 1)[0];

    private static string[] Order(AffinityTable table, string key, int count)
    {
        var order = new int[count];
        var found = table.Rank(AffinityTable.HashOf(key), order);
        return [.. order.Take(found).Select(place => table.Instances[place].Link.Id.Value)];
    }
}
