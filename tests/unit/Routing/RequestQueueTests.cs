using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class RequestQueueTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly WorkerLinks links = new();
    private readonly Route route;

    public RequestQueueTests()
    {
        clock.Advance(TimeSpan.FromHours(1));
        route = Sample.Route(links, clock, queue: 5);
        route.Apply(Sample.Changes(0, 1, Sample.Joined("a", 1, limit: 1)), isAnswer: true);
    }

    [Fact]
    public async Task First_come_first_served_and_urgent_ones_before_the_others()
    {
        var busy = Take();
        Task<Waited>[] waits = [Wait(), Wait(), Wait(isUrgent: true), Wait(isUrgent: true), Wait()];
        foreach (var next in (int[])[2, 3, 0, 1, 4])
        {
            Assert.False(waits[next].IsCompleted);
            busy.Link.Leave();
            busy = Served(await waits[next]);
            Assert.Equal(1, busy.Link.InFlight);
        }

        Assert.True(route.Queue.IsEmpty);
        busy.Link.Leave();
        Assert.Equal(0, busy.Link.InFlight);
    }

    [Fact]
    public async Task A_full_queue_refuses_and_an_urgent_request_takes_the_newest_place()
    {
        Take();
        var waits = Enumerable.Range(0, 5).Select(_ => Wait()).ToList();
        Assert.Equal(WaitEnd.Refused, (await Wait()).End);
        var urgent = Wait(isUrgent: true);
        Assert.False(urgent.IsCompleted);
        Assert.Equal(WaitEnd.Refused, (await waits[4]).End);
        Assert.All(waits[..4], w => Assert.False(w.IsCompleted));
        Assert.Equal(5, route.Queue.Count);
    }

    [Fact]
    public async Task Urgent_requests_do_not_push_each_other_out()
    {
        Take();
        var waits = Enumerable.Range(0, 5).Select(_ => Wait(isUrgent: true)).ToList();
        Assert.Equal(WaitEnd.Refused, (await Wait(isUrgent: true)).End);
        Assert.All(waits, w => Assert.False(w.IsCompleted));
    }

    [Fact]
    public async Task Who_leaves_is_out_and_the_next_gets_the_place()
    {
        var busy = Take();
        using var leave = new CancellationTokenSource();
        var first = Wait(leave: leave);
        var second = Wait();
        await leave.CancelAsync();
        Assert.Equal(WaitEnd.Abandoned, (await first).End);
        Assert.Equal(1, route.Queue.Count);
        busy.Link.Leave();
        Served(await second);
    }

    [Fact]
    public async Task Who_has_waited_too_long_is_refused_with_the_time_that_those_before_take()
    {
        var busy = Take();
        // One place a second.
        for (var i = 0; i < 20; i++)
        {
            var next = Wait();
            clock.Advance(TimeSpan.FromSeconds(1));
            busy.Link.Leave();
            busy = Served(await next);
        }

        var last = Enumerable.Range(0, 5).Select(_ => Wait()).ToList()[^1];
        var refused = await Wait();
        Assert.Equal(WaitEnd.Refused, refused.End);
        Assert.InRange(refused.RetryAfter.TotalSeconds, 4, 6);
        clock.Advance(TimeSpan.FromSeconds(29.9));
        Assert.False(last.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(WaitEnd.Refused, (await last).End);
        Assert.True(route.Queue.IsEmpty);
        Assert.Equal(1, busy.Link.InFlight);
    }

    [Fact]
    public async Task A_worker_that_joins_serves_as_many_as_it_takes()
    {
        Take();
        var waits = Enumerable.Range(0, 4).Select(_ => Wait()).ToList();
        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2, limit: 3)), isAnswer: false);
        Assert.All(await Task.WhenAll(waits[..3]), w => Assert.Equal("b", Served(w).Link.Id.Value));
        Assert.False(waits[3].IsCompleted);
    }

    [Fact]
    public async Task A_worker_that_is_online_again_serves()
    {
        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2, WorkerState.Draining)), isAnswer: false);
        Take();
        var wait = Wait();
        Assert.False(wait.IsCompleted);
        route.Apply(Sample.Changes(2, 3, Sample.Changed("b", 3, WorkerState.Online)), isAnswer: false);
        Assert.Equal("b", Served(await wait).Link.Id.Value);
    }

    [Fact]
    public async Task The_place_of_a_worker_that_drains_goes_to_nobody()
    {
        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2, limit: 1)), isAnswer: false);
        var (first, second) = (Take(), Take());
        var wait = Wait();
        var (drained, other) = first.Link.Id.Value == "a" ? (first, second) : (second, first);
        route.Apply(Sample.Changes(2, 3, Sample.Changed("a", 3, WorkerState.Draining)), isAnswer: false);
        drained.Link.Leave();
        Assert.False(wait.IsCompleted);
        other.Link.Leave();
        Assert.Equal("b", Served(await wait).Link.Id.Value);
    }

    [Fact]
    public async Task A_worker_whose_time_aside_is_over_is_tried_by_one_of_those_who_wait()
    {
        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2)), isAnswer: false);
        var failed = route.LinkOf(Of("b"))!;
        failed.SetAside(clock.Elapsed());
        Take();
        var (first, second) = (Wait(), Wait());
        clock.Advance(TimeSpan.FromSeconds(0.4));
        Assert.False(first.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.2));
        var tried = await first;
        Assert.True(tried.Choice.Trial);
        Assert.False(second.IsCompleted);
        failed.Answered(0.01, clock.Elapsed());
        failed.Leave();
        Assert.Equal("b", Served(await second).Link.Id.Value);
    }

    [Fact]
    public async Task Nobody_gets_a_worker_that_failed_the_request_before()
    {
        var busy = Take();
        var failed = route.Queue.Wait(
            new WorkerLink?[] { busy.Link }, repeatable: true, isUrgent: true, TestContext.Current.CancellationToken);
        // Nothing else is there to wait for.
        Assert.Equal(WaitEnd.NoWorker, (await failed).End);

        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2, limit: 1)), isAnswer: false);
        Take();
        var first = route.Queue.Wait(
            new WorkerLink?[] { busy.Link }, repeatable: true, isUrgent: false, TestContext.Current.CancellationToken);
        var second = Wait();
        busy.Link.Leave();
        Assert.Same(busy, Served(await second));
        Assert.False(first.IsCompleted);
    }

    [Fact]
    public async Task A_worker_on_two_routes_serves_whoever_has_waited_longest()
    {
        var other = Sample.Route(links, clock);
        other.Apply(Sample.Changes(0, 1, Sample.Joined("a", 1, limit: 1)), isAnswer: true);
        var busy = Take();
        var first = Wait(of: other);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        var second = Wait();
        clock.Advance(TimeSpan.FromMilliseconds(1));
        var third = Wait(of: other);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        var urgent = Wait(isUrgent: true);
        foreach (var next in (Task<Waited>[])[urgent, first, second, third])
        {
            Assert.False(next.IsCompleted);
            busy.Link.Leave();
            busy = Served(await next);
        }

        Assert.Equal(1, busy.Link.InFlight);
    }

    [Fact]
    public async Task Waits_end_where_every_worker_goes()
    {
        Take();
        var wait = Wait();
        route.Apply(Sample.Changes(1, 2, Sample.Removed("a", 2)), isAnswer: false);
        clock.Advance(TimeSpan.FromMilliseconds(60));
        Assert.Equal(WaitEnd.NoWorker, (await wait).End);
    }

    [Fact]
    public async Task Under_load_from_many_threads_the_limit_holds_and_everybody_is_served()
    {
        var real = Sample.Route(new WorkerLinks(), queue: 1000);
        real.Apply(
            Sample.Changes(0, 2, Sample.Joined("a", 1, limit: 2), Sample.Joined("b", 2, limit: 1)), isAnswer: true);
        var most = 0;
        await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 300; i++)
            {
                var choice = real.Queue.IsEmpty
                    ? Pick(real, TimeProvider.System)
                    : new(null, Full: true);
                var instance = choice.Instance ?? Served(await real.Queue.Wait(
                    default, repeatable: true, isUrgent: i % 2 == 0, TestContext.Current.CancellationToken));
                InterlockedMax(ref most, real.Snapshot!.All.Sum(x => x.Link.InFlight));
                await Task.Yield();
                instance.Link.Leave();
            }
        })));
        Assert.InRange(most, 1, 3);
        Assert.True(real.Queue.IsEmpty);
        Assert.All(real.Snapshot!.All, i => Assert.Equal(0, i.Link.InFlight));
    }

    private static WorkerId Of(string id) => WorkerId.Parse(id);

    private static void InterlockedMax(ref int most, int value)
    {
        while (Volatile.Read(ref most) is var before && before < value
            && Interlocked.CompareExchange(ref most, value, before) != before)
        {
        }
    }

    private static Instance Served(Waited waited)
    {
        Assert.Equal(WaitEnd.Served, waited.End);
        return waited.Choice.Instance!;
    }

    private static Choice Pick(Route route, TimeProvider clock) => WorkerPicker.Pick(
        new(route.Snapshot!, [], repeatable: true, lastResort: LastResort.UnlessFull), clock.Elapsed());

    private Instance Take() => Pick(route, clock).Instance!;

    private Task<Waited> Wait(
        bool isUrgent = false, Route? of = null, CancellationTokenSource? leave = null) => (of ?? route).Queue
        .Wait(default, repeatable: true, isUrgent, leave?.Token ?? TestContext.Current.CancellationToken)
        // Who is forgotten fails rather than hangs.
        .WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
}
