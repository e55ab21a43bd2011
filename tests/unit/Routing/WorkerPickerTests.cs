using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class WorkerPickerTests
{
    private const int Picks = 30_000;

    private readonly FakeTimeProvider clock = new();
    private readonly WorkerPicker picker;

    public WorkerPickerTests() => picker = new(clock);

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
        // Where both looks meet the slow one it is taken: one time in nine.
        Assert.InRange(Shares(Sample.Snapshot(instances), held: false)[instances[2]], 0, Picks * 0.13);
    }

    [Fact]
    public void A_slow_worker_is_tried_again_after_a_while()
    {
        var slow = Sample.Instance("slow");
        slow.Link.Answered(1, clock.Elapsed());
        Assert.InRange(WorkerPicker.Cost(slow, clock.Elapsed()), 1, 1.1);
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.InRange(WorkerPicker.Cost(slow, clock.Elapsed()), 0.005, 0.0051);
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
        Assert.Equal([near, far, degraded, null], Enumerable.Range(0, 4).Select(_ => picker.Pick(snapshot, [])));
    }

    [Fact]
    public void What_failed_this_request_is_not_chosen_again()
    {
        var instances = Enumerable.Range(0, 5).Select(i => Sample.Instance($"w{i}")).ToList();
        var tried = new List<WorkerLink?>();
        for (var i = 0; i < 5; i++)
        {
            tried.Add(picker.Pick(Sample.Snapshot(instances), tried.ToArray())!.Link);
        }

        Assert.Equal(5, tried.Distinct().Count());
        Assert.Null(picker.Pick(Sample.Snapshot(instances), tried.ToArray()));
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
            Assert.Same(good, picker.Pick(snapshot, []));
        }

        Assert.Same(bad, picker.Pick(snapshot, []));
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
            var chosen = picker.Pick(new(snapshot, [], repeatable: true));
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
            Enumerable.Range(0, 50).Count(_ => picker.Pick(snapshot, []) is not null))));
        Assert.All(instances, i => Assert.Equal(7, i.Link.InFlight));
        Assert.Equal(28, got.Sum());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(10_000)]
    public void Choosing_allocates_nothing(int count)
    {
        var snapshot = Sample.Snapshot(Enumerable.Range(0, count).Select(i => Sample.Instance($"w{i}")).ToList());
        picker.Pick(snapshot, [])!.Link.Leave();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            picker.Pick(snapshot, [])!.Link.Leave();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private Dictionary<Instance, int> Shares(RouteSnapshot snapshot, bool held)
    {
        var shares = snapshot.All.ToDictionary(i => i, _ => 0);
        for (var i = 0; i < Picks; i++)
        {
            var chosen = picker.Pick(snapshot, [])!;
            shares[chosen]++;
            if (!held)
            {
                chosen.Link.Leave();
            }
        }

        return shares;
    }
}
