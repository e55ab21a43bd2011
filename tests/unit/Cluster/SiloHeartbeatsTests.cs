using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>Which silos a gateway sends heartbeats to.</summary>
public sealed class SiloHeartbeatsTests
{
    private readonly FakeSilos silos;
    private readonly ClusterLink link = new();
    private readonly SiloHeartbeats heartbeats;

    public SiloHeartbeatsTests()
    {
        (var factory, silos) = FakeSilos.Create();
        heartbeats = new(new(factory, link, new FakeTimeProvider()));
        silos.Workers[1] = ["a", "b", "c"];
        silos.Workers[2] = ["d", "e"];
        silos.Any = 1;
    }

    [Fact]
    public async Task Each_silo_gets_one_message_with_its_workers_once_it_is_known_where_they_are()
    {
        // Where they were found by chance, and where their grains say that they are.
        Assert.Equal("abc--", await Renewed("a", "b", "c", "d", "e"));
        Teach("d", 2);
        Teach("e", 2);
        Assert.Equal([(1, 5)], silos.TakeMessages());

        Assert.Equal("daebc", await Renewed("d", "a", "e", "b", "c"));
        Assert.Equal([(1, 3), (2, 2)], silos.TakeMessages());
        Assert.True(link.Connected);
    }

    [Fact]
    public async Task Who_is_not_there_any_more_is_not_looked_for_there_again()
    {
        Teach("a", 2);
        Teach("d", 2);
        Assert.Equal("-d", await Renewed("a", "d"));
        Assert.Equal([(2, 2)], silos.TakeMessages());

        Assert.Equal("-d", await Renewed("a", "d"));
        Assert.Equal([(2, 1)], silos.TakeMessages());
        Teach("a", 1);
        Assert.Equal("ad", await Renewed("a", "d"));
    }

    [Fact]
    public async Task A_silo_that_does_not_answer_is_asked_once_for_all_of_its_workers()
    {
        Array.ForEach(["d", "e", "f", "g"], id => Teach(id, 2));
        Teach("a", 1);
        silos.Dead.Add(2);
        Assert.Equal("a--", await Renewed("a", "d", "e"));
        Assert.Equal([(1, 1), (2, 2)], silos.TakeMessages());

        Assert.Equal("--", await Renewed("f", "g"));
        Assert.Equal([(1, 2)], silos.TakeMessages());
    }

    [Fact]
    public async Task A_message_in_flight_when_a_silo_goes_is_sent_again_and_its_workers_stay_known()
    {
        link.OnSilosChanged(now: 2, before: 0);
        Teach("a", 1);
        var never = new TaskCompletionSource();
        silos.Held = never.Task;
        var renewed = Renewed("a");
        Assert.False(renewed.IsCompleted);

        silos.Held = Task.CompletedTask;
        link.OnSilosChanged(now: 1, before: 2);

        Assert.Equal("a", await renewed);
        Assert.Equal("a", await Renewed("a"));
        Assert.Equal([(1, 1), (1, 1)], silos.TakeMessages());
        never.SetResult();
    }

    [Fact]
    public async Task A_single_heartbeat_goes_to_its_silo_where_that_is_known()
    {
        Assert.Null(await heartbeats.TryRenew(Id("d"), new()));
        Assert.Empty(silos.TakeMessages());

        Teach("d", 2);
        Assert.NotNull(await heartbeats.TryRenew(Id("d"), new()));
        Assert.Equal([(2, 1)], silos.TakeMessages());
    }

    [Fact]
    public async Task Silos_of_earlier_versions_are_asked_as_ever()
    {
        silos.Old = true;
        Assert.Equal("ab-", await Renewed("a", "b", "d"));
        heartbeats.Hear(Id("d"), new(HeartbeatOutcome.Renewed, 1, WorkerState.Online, TimeSpan.FromSeconds(30), []));
        Assert.Equal("ab-", await Renewed("a", "b", "d"));
        Assert.Equal([(1, 3), (1, 3)], silos.TakeMessages());

        // Of a version that has no grain for batches.
        silos.Any = 0;
        Assert.Equal("---", await Renewed("a", "b", "d"));
    }

    private static WorkerId Id(string id) => WorkerId.Parse(id);

    private void Teach(string id, int silo) => heartbeats.Hear(
        Id(id),
        new(HeartbeatOutcome.Renewed, 1, WorkerState.Online, TimeSpan.FromSeconds(30), []) { Silo = FakeSilos.Address(silo) });

    /// <summary>The ids of those that were renewed, in order, and a dash for each of the others.</summary>
    private async Task<string> Renewed(params string[] ids)
    {
        var answers = await heartbeats.TryRenew([.. ids.Select(id => new WorkerHeartbeat(Id(id), new()))]);
        return string.Concat(ids.Select((id, i) => answers[i] is null ? "-" : id));
    }
}
