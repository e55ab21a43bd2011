using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class WorkerPickerTests
{
    private const int Picks = 30_000;

    private readonly FakeTimeProvider clock = new();

    [Fact]
    public void Equal_workers_get_equal_shares_of_requests_that_come_one_by_one()
    {
        var instances = Enumerable.Range(0, 3).Select(i => Sample.Instance($"w{i}")).ToList();
        // Latencies that differ by noise.
        instances[0].Link.Answered(0.0005, clock.Elapsed());
        instances[1].Link.Answered(0.001, clock.Elapsed());
        instances[2].Link.Answered(0.002, clock.Elapsed());
        var shares = Shares(Sample.Snapshot(instances), held: false);
        Assert.All(instances, i => Assert.InRange(shares[i], Picks / 3 * 0.9, Picks / 3 * 1.1));
    }

    [Fact]
    public void Requests_in_flight_are_spread_evenly()
    {
        var instances = Enumerable.Range(0, 10).Select(i => Sample.Instance($"w{i}")).ToList();
        var shares = Shares(Sample.Snapshot(instances), held: true);
        // Chance decides between near equals; its standard deviation is 2 % here.
        Assert.All(instances, i => Assert.InRange(shares[i], Picks / 10 * 0.85, Picks / 10 * 1.15));
    }

    [Fact]
    public void A_worker_ten_times_slower_gets_less_than_a_tenth()
    {
        var instances = Enumerable.Range(0, 3).Select(i => Sample.Instance($"w{i}")).ToList();
        instances[0].Link.Answered(0.02, clock.Elapsed());
        instances[1].Link.Answered(0.02, clock.Elapsed());
        instances[2].Link.Answered(0.2, clock.Elapsed());
        Assert.InRange(Shares(Sample.Snapshot(instances), held: false)[instances[2]], 0, Picks * 0.1);
    }

    [Fact]
    public void A_slow_worker_is_tried_again_after_a_while()
    {
        var slow = Sample.Instance("slow");
        slow.Link.Answered(1, clock.Elapsed());
        Assert.InRange(WorkerPicker.Cost(slow, clock.Elapsed()), 1, 1.1);
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.InRange(WorkerPicker.Cost(slow, clock.Elapsed()), 0.01, 0.0101);
    }

    [Fact]
    public void A_worker_that_reports_load_gets_less()
    {
        var idle = Sample.Instance("idle");
        var busy = Sample.Instance("busy", load: 3);
        var shares = Shares(Sample.Snapshot(idle, busy), held: false);
        Assert.True(shares[idle] > shares[busy] * 2.5, $"idle {shares[idle]}, busy {shares[busy]}");
    }

    [Fact]
    public void Weights_are_shares()
    {
        var heavy = Sample.Instance("heavy", weight: 3);
        var light = Sample.Instance("light");
        Assert.InRange(Shares(Sample.Snapshot(heavy, light), held: false)[heavy], Picks * 0.55, Picks * 0.85);
        var held = Shares(Sample.Snapshot(Sample.Instance("h", weight: 3), Sample.Instance("l")), held: true);
        Assert.InRange(held.Values.Max(), Picks * 0.65, Picks * 0.8);
    }

    [Fact]
    public void Only_the_best_tier_is_chosen_from_while_it_can_take_requests()
    {
        var near = Sample.Instance("near", zone: "a", limit: 1);
        var far = Sample.Instance("far", zone: "b", limit: 1);
        var degraded = Sample.Instance("degraded", WorkerState.Degraded, limit: 1);
        var snapshot = Sample.Snapshot(
            "a", [degraded, far, near, Sample.Instance("off", WorkerState.Offline), Sample.Instance("drained", WorkerState.Draining)]);
        Assert.Equal([near, far, degraded, null], Enumerable.Range(0, 4).Select(_ => Pick(snapshot, [])));
    }

    [Fact]
    public void What_failed_this_request_is_not_chosen_again()
    {
        var instances = Enumerable.Range(0, 5).Select(i => Sample.Instance($"w{i}")).ToList();
        var tried = new List<WorkerLink?>();
        for (var i = 0; i < 5; i++)
        {
            tried.Add(Pick(Sample.Snapshot(instances), tried.ToArray())!.Link);
        }

        Assert.Equal(5, tried.Distinct().Count());
        Assert.Null(Pick(Sample.Snapshot(instances), tried.ToArray()));
    }

    [Fact]
    public void A_worker_set_aside_is_chosen_only_when_nothing_else_is_left()
    {
        var bad = Sample.Instance("bad");
        var good = Sample.Instance("good", limit: 100);
        bad.Link.SetAside(clock.Elapsed());
        var snapshot = Sample.Snapshot(bad, good);
        for (var i = 0; i < 100; i++)
        {
            Assert.Same(good, Pick(snapshot, []));
        }

        Assert.Same(bad, Pick(snapshot, []));
    }

    [Fact]
    public void A_worker_whose_time_aside_is_over_gets_one_request_until_it_has_answered()
    {
        var bad = Sample.Instance("bad");
        var good = Sample.Instance("good");
        bad.Link.SetAside(clock.Elapsed());
        clock.Advance(TimeSpan.FromSeconds(0.6));
        var snapshot = Sample.Snapshot(bad, good);
        var trials = 0;
        for (var i = 0; i < 100; i++)
        {
            var chosen = Pick(new(snapshot, [], repeatable: true));
            Assert.Equal(chosen.Instance == bad, chosen.Trial);
            trials += chosen.Trial ? 1 : 0;
        }

        Assert.Equal(1, trials);
        Assert.Equal(1, bad.Link.InFlight);
    }

    [Fact]
    public async Task The_limit_of_a_worker_is_never_exceeded_by_requests_that_come_at_once()
    {
        var instances = Enumerable.Range(0, 4).Select(i => Sample.Instance($"w{i}", limit: 7)).ToList();
        var snapshot = Sample.Snapshot(instances);
        var got = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
            Enumerable.Range(0, 50).Count(_ => Pick(snapshot, []) is not null))));
        Assert.All(instances, i => Assert.Equal(7, i.Link.InFlight));
        Assert.Equal(28, got.Sum());
    }

    [Theory]
    [InlineData(LastResort.None, true, null, true)]
    [InlineData(LastResort.None, false, null, false)]
    [InlineData(LastResort.UnlessFull, true, null, true)]
    [InlineData(LastResort.UnlessFull, false, "aside", false)]
    [InlineData(LastResort.Any, true, "aside", false)]
    [InlineData(LastResort.Any, false, "aside", false)]
    public void A_worker_set_aside_is_the_last_resort_that_was_asked_for(
        object resort, bool another, string? expected, bool full)
    {
        var (aside, atLimit) = (Sample.Instance("aside"), Sample.Instance("full", limit: 1));
        aside.Link.SetAside(clock.Elapsed());
        Assert.True(atLimit.Link.TryEnter(1));
        var choice = Pick(new(
            Sample.Snapshot(another ? [aside, atLimit] : [aside]), [], repeatable: true, lastResort: (LastResort)resort));
        Assert.Equal(expected, choice.Instance?.Link.Id.Value);
        Assert.Equal(full, choice.Full);
    }

    [Fact]
    public void A_busy_worker_is_left_alone_for_as_long_as_it_says_up_to_30_s()
    {
        var busy = Sample.Instance("busy");
        busy.Link.Answered(0.1, clock.Elapsed());
        busy.Link.Busy(TimeSpan.FromSeconds(7), clock.Elapsed());
        var snapshot = Sample.Snapshot(busy, Sample.Instance("other"));
        clock.Advance(TimeSpan.FromSeconds(6.9));
        Assert.True(busy.Link.IsBusy(clock.Elapsed()));
        Assert.All(Enumerable.Range(0, 100), _ => Assert.NotSame(busy, Pick(snapshot, [])));
        clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(busy.Link.IsAvoided(repeatable: true, clock.Elapsed()));
        busy.Link.Busy(TimeSpan.FromHours(1), clock.Elapsed());
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.False(busy.Link.IsBusy(clock.Elapsed()));
    }

    [Fact]
    public void Equal_keys_meet_the_same_worker_while_it_has_room_then_the_next_of_their_order()
    {
        var instances = Enumerable.Range(0, 10).Select(i => Sample.Instance($"w{i}", limit: 2)).ToList();
        var snapshot = Sample.Snapshot(instances);
        const ulong key = 42;
        var order = new int[8];
        Assert.Equal(8, snapshot.Affinity.Rank(key, order));
        for (var i = 0; i < 20; i++)
        {
            var met = Pick(new(snapshot, [], repeatable: true, key)).Instance!;
            // Two each, in the key's order; beyond it chance decides.
            Assert.True(i >= 16 || met == snapshot.Affinity.Instances[order[i / 2]], $"{i}: {met.Link.Id}");
        }

        Assert.Equal(new(null, Full: true), Pick(new(snapshot, [], repeatable: true, key)));
    }

    [Fact]
    public void A_key_goes_past_workers_that_failed_and_comes_back()
    {
        var instances = Enumerable.Range(0, 5).Select(i => Sample.Instance($"w{i}")).ToList();
        var snapshot = Sample.Snapshot(instances);
        var first = Meet([]);
        var second = Meet([first.Link]);
        Assert.NotSame(first, second);
        first.Link.SetAside(clock.Elapsed());
        Assert.Same(second, Meet([]));
        first.Link.Answered(0.01, clock.Elapsed());
        Assert.Same(first, Meet([]));

        Instance Meet(ReadOnlySpan<WorkerLink?> tried)
        {
            var met = Pick(new(snapshot, tried, repeatable: true, affinity: 7)).Instance!;
            met.Link.Leave();
            return met;
        }
    }

    [Fact]
    public void A_key_that_everybody_asks_for_spreads_over_workers_up_to_a_quarter_above_their_share()
    {
        var instances = Enumerable.Range(0, 4).Select(i => Sample.Instance($"w{i}")).ToList();
        for (var i = 0; i < 400; i++)
        {
            Pick(new(Sample.Snapshot(instances), [], repeatable: true, affinity: 7));
        }

        Assert.All(instances, i => Assert.InRange(i.Link.InFlight, 20, 126));
        Assert.InRange(instances.Max(i => i.Link.InFlight), 120, 126);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(10_000)]
    public void Choosing_allocates_nothing(int count)
    {
        var snapshot = Sample.Snapshot(Enumerable.Range(0, count).Select(i => Sample.Instance($"w{i}")).ToList());
        Pick(snapshot, [])!.Link.Leave();
        Pick(new(snapshot, [], repeatable: true, affinity: 1)).Instance!.Link.Leave();
        // A collection in the background takes away what is left of the thread's allocation buffer, and the runtime
        // counts that as allocated; a choice that allocates does so each time.
        Assert.Contains(0, Enumerable.Range(0, 5).Select(_ => Allocated()).ToList());

        long Allocated()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1000; i++)
            {
                Pick(snapshot, [])!.Link.Leave();
                Pick(new(snapshot, [], repeatable: true, affinity: (ulong)i)).Instance!.Link.Leave();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    private Choice Pick(in Wish wish) => WorkerPicker.Pick(wish, clock.Elapsed());

    /// <summary>For a request that may be repeated.</summary>
    private Instance? Pick(RouteSnapshot snapshot, ReadOnlySpan<WorkerLink?> tried) =>
        Pick(new(snapshot, tried, repeatable: true)).Instance;

    private Dictionary<Instance, int> Shares(RouteSnapshot snapshot, bool held)
    {
        var shares = snapshot.All.ToDictionary(i => i, _ => 0);
        for (var i = 0; i < Picks; i++)
        {
            var chosen = Pick(snapshot, [])!;
            shares[chosen]++;
            if (!held)
            {
                chosen.Link.Leave();
            }
        }

        return shares;
    }
}
