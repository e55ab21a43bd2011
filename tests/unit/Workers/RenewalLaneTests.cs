using System.Collections.Immutable;
using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Registry;

namespace WorkerMesh.Tests.Unit.Workers;

public sealed class RenewalLaneTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly FakeGrains grains;
    private readonly FakeGrains.Registry registry;
    private readonly Channel<int> failures = Channel.CreateUnbounded<int>();
    private readonly RenewalLane lane;

    public RenewalLaneTests()
    {
        (var factory, grains) = FakeGrains.Create();
        registry = grains.Of(Sample.Ocr);
        lane = new(
            Sample.Ocr, new(), new(() => grains.Silos.Keys, factory, clock), factory, clock, (_, _, count) => failures.Writer.TryWrite(count));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_waits_goes_in_one_message_with_the_newest_of_each_worker()
    {
        Add(Of("a", load: 0.1));
        Add(Of("b", load: 0.2));
        Add(Of("a", load: 0.3));
        clock.Advance(TimeSpan.FromSeconds(2));
        lane.Flush();

        var message = await registry.Next();

        Assert.Equal([("a", 0.3), ("b", 0.2)], message.Renewals.Select(r => (r.Id.Value, r.Load)).Order());
        Assert.All(message.Renewals, r => Assert.Equal(TimeSpan.FromSeconds(2), r.HeardAgo));
    }

    [Fact]
    public async Task An_announcement_takes_along_what_waits_and_ends_when_the_registry_has_it()
    {
        Add(Of("a"));
        var announced = Announce(Of("b"));

        var message = await registry.Next();
        Assert.Equal(["a", "b"], message.Ids.Order());
        Assert.False(announced.IsCompleted);
        message.Succeed(version: 42);

        Assert.Equal(42, (await announced).Version);
    }

    [Fact]
    public async Task While_a_message_is_on_its_way_the_next_ones_gather()
    {
        var first = Announce(Of("a"));
        var sent = await registry.Next();
        var others = Enumerable.Range(0, 50).Select(i => Announce(Of($"w{i}"))).ToList();
        lane.Flush();
        Assert.True(await registry.StaysQuiet());

        sent.Succeed(version: 1);
        var next = await registry.Next();
        Assert.Equal(50, next.Renewals.Length);
        Assert.True(first.IsCompleted);
        Assert.All(others, o => Assert.False(o.IsCompleted));
        next.Succeed(version: 2);

        Assert.All(await Task.WhenAll(others), v => Assert.Equal(2, v.Version));
    }

    [Fact]
    public async Task What_nobody_waits_for_waits_for_the_interval()
    {
        var first = Announce(Of("a"));
        var sent = await registry.Next();
        Add(Of("b"));
        sent.Succeed();
        await first;

        var second = Announce(Of("c"));

        // It was not sent by itself when the first message had been answered.
        Assert.Equal(["b", "c"], (await registry.Next()).Ids.Order());
        Assert.False(second.IsCompleted);
    }

    [Fact]
    public async Task What_did_not_arrive_is_sent_again_unless_there_is_newer()
    {
        var announced = Announce(Of("a", load: 0.1));
        Add(Of("b", load: 0.2));
        var lost = await registry.Next();
        Add(Of("a", load: 0.9));
        lost.Fail();

        await Assert.ThrowsAsync<TimeoutException>(() => announced);
        Assert.Equal(lost.Renewals.Length, await failures.Reader.ReadAsync(Cancellation));
        Assert.True(registry.IsQuiet);
        // The lane is free a moment after those who waited have heard.
        FakeGrains.Message? again = null;
        for (var next = registry.Next(); again is null;)
        {
            lane.Flush();
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Cancellation);
            again = next.IsCompleted ? await next : null;
        }

        Assert.Equal([("a", 0.9), ("b", 0.2)], again.Renewals.Select(r => (r.Id.Value, r.Load)).Order());
    }

    [Theory(Timeout = 20_000)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_a_registry_does_not_answer_it_hears_of_them_through_its_silo(bool fails)
    {
        var told = Channel.CreateUnbounded<ImmutableArray<Renewal>>();
        grains.Silos[SiloOf(1)] = _ => Task.FromResult<RenewalAnswer?>(null);
        grains.Silos[SiloOf(2)] = _ => throw new OrleansException("The test's silo is gone.");
        grains.Silos[SiloOf(3)] = renewals =>
        {
            told.Writer.TryWrite(renewals);
            return Task.FromResult<RenewalAnswer?>(new(new(Sample.Ocr, Epoch: 1, Version: 7), [WorkerId.Parse("b")]));
        };
        Add(Of("b", load: 0.2));
        var announced = Announce(Of("a", load: 0.1));
        var lost = await registry.Next();
        if (fails)
        {
            lost.Fail();
        }

        while (!announced.IsCompleted)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal(7, (await announced).Version);
        Assert.Equal(lost.Renewals, await told.Reader.ReadAsync(Cancellation));
        Assert.Equal(("b", Sample.Ocr), await grains.Rejoins.Reader.ReadAsync(Cancellation));
        Assert.Equal(0, failures.Reader.Count);
    }

    [Fact]
    public async Task Workers_that_the_registry_does_not_know_are_told()
    {
        var announced = Announce(Of("a"));
        Add(Of("b"));

        (await registry.Next()).Succeed(1, WorkerId.Parse("a"));
        await announced;

        Assert.Equal(("a", Sample.Ocr), await grains.Rejoins.Reader.ReadAsync(Cancellation));
        Assert.Equal(0, grains.Rejoins.Reader.Count);
    }

    [Fact]
    public async Task More_than_fit_a_message_go_in_several_and_whoever_waits_waits_for_the_last()
    {
        for (var i = 0; i < 12_000; i++)
        {
            Add(Of($"w{i}"));
        }

        var announced = Announce(Of("last"));
        var seen = new HashSet<string>();
        foreach (var expected in new[] { 5000, 5000, 2001 })
        {
            Assert.False(announced.IsCompleted);
            var message = await registry.Next();
            Assert.Equal(expected, message.Renewals.Length);
            Assert.All(message.Ids, id => Assert.True(seen.Add(id), $"{id} was sent twice."));
            message.Succeed();
        }

        await announced;
        Assert.Equal(12_001, seen.Count);
    }

    [Fact]
    public async Task One_that_is_not_used_retires_but_none_with_anything_to_send()
    {
        Add(Of("a"));
        Assert.False(lane.TryRetire());
        Assert.False(lane.TryRetire());
        lane.Flush();
        var message = await registry.Next();
        Assert.False(lane.TryRetire());
        message.Succeed();

        // A moment later it is done with that message.
        while (!lane.TryRetire())
        {
            await Task.Yield();
        }

        Assert.False(lane.TryAdd(Of("b")));
        Assert.Null(lane.TryAnnounce(Of("c")));
    }

    private static SiloAddress SiloOf(int port) => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, port), 1);

    private void Add(PendingRenewal renewal) => Assert.True(lane.TryAdd(renewal));

    private Task<RegistryVersion> Announce(PendingRenewal renewal)
    {
        var told = lane.TryAnnounce(renewal);
        Assert.NotNull(told);
        return told;
    }

    private PendingRenewal Of(string id, double load = 0) =>
        new(WorkerId.Parse(id), 1, new Liveness(clock.Elapsed(), Load: load));
}
