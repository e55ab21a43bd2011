using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Registry;

namespace WorkerMesh.Tests.Unit.Workers;

/// <summary>Workers that join or leave a registry.</summary>
public sealed class RegistryLaneTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly FakeGrains.Registry registry;
    private readonly RegistryLane lane;

    public RegistryLaneTests()
    {
        var (factory, grains) = FakeGrains.Create();
        registry = grains.Of(Sample.Ocr);
        lane = new(Sample.Ocr, new(), factory, clock);
    }

    [Fact]
    public async Task The_first_goes_at_once_and_those_that_come_meanwhile_follow_in_one_message()
    {
        var first = Tell(Worker("a", 1));
        var sent = registry.NextMembership()!;
        var (second, third) = (Tell(Worker("b", 2)), Tell(Worker("c", null)));
        Assert.Null(registry.NextMembership());

        sent.Succeed(version: 5);
        Assert.Equal(("+a@1", false, 5), (sent.Text, sent.IsBatch, (await first).Version));
        var next = await registry.AwaitMembership();
        Assert.Equal(("+b@2 -c@0", true), (next.Text, next.IsBatch));
        Assert.False(second.IsCompleted);
        next.Succeed(version: 7);
        Assert.Equal((7, 7), ((await second).Version, (await third).Version));

        var later = Tell(Worker("d", 1));
        (await registry.AwaitMembership()).Succeed(version: 8);
        Assert.Equal(8, (await later).Version);
    }

    [Fact]
    public async Task What_is_sent_is_what_is_true_by_then()
    {
        _ = Tell(Worker("a", 1));
        var worker = Worker("b", 2);
        var joining = Tell(worker);
        worker.Forget(worker.Record!, clock.Elapsed());
        var leaving = Tell(worker);

        registry.NextMembership()!.Succeed(version: 1);
        var next = await registry.AwaitMembership();

        Assert.Equal("-b@2 -b@2", next.Text);
        next.Succeed(version: 2);
        await Task.WhenAll(joining, leaving);
    }

    [Fact]
    public async Task Where_a_message_with_several_fails_each_is_told_on_its_own()
    {
        var first = Tell(Worker("a", 1));
        var (second, third) = (Tell(Worker("b", 2)), Tell(Worker("c", 3)));
        registry.NextMembership()!.Fail();
        await Assert.ThrowsAsync<TimeoutException>(() => first);
        (await registry.AwaitMembership()).Fail();

        var (one, other) = (await registry.AwaitMembership(), await registry.AwaitMembership());
        Assert.Equal(("+b@2", "+c@3", false), (one.Text, other.Text, one.IsBatch));
        one.Fail();
        other.Succeed(version: 9);

        await Assert.ThrowsAsync<TimeoutException>(() => second);
        Assert.Equal(9, (await third).Version);
    }

    [Fact]
    public async Task One_that_is_not_used_retires_but_none_with_a_message_on_its_way()
    {
        var told = Tell(Worker("a", 1));
        Assert.False(lane.TryRetire());
        Assert.False(lane.TryRetire());
        registry.NextMembership()!.Succeed(version: 1);
        await told;
        while (!lane.TryRetire())
        {
            await Task.Yield();
        }

        Assert.Null(lane.TryTell(Worker("b", 1)));
    }

    private Task<RegistryVersion> Tell(LiveWorker worker)
    {
        var told = lane.TryTell(worker);
        Assert.NotNull(told);
        return told;
    }

    private LiveWorker Worker(string id, long? incarnation)
    {
        var worker = new LiveWorker(WorkerId.Parse(id));
        var registration = new Registration { Urls = ["http://a:1"], Services = [Sample.Ocr] };
        worker.Load(
            incarnation is { } i ? new(worker.Id, i, registration, false, Guid.Empty, false, default) : null, 0, clock.Elapsed());
        return worker;
    }
}
