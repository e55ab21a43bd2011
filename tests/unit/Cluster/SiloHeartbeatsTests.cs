using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>Which silos a gateway sends heartbeats to.</summary>
public sealed class SiloHeartbeatsTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider clock = new();
    private readonly FakeSilos silos;
    private readonly SiloList list = new();
    private readonly ClusterLink link = new();
    private readonly SiloHeartbeats heartbeats;

    public SiloHeartbeatsTests()
    {
        (var factory, silos) = FakeSilos.Create();
        heartbeats = new(new(factory, link, clock), list, clock);
        silos.Workers[1] = ["a", "b", "c"];
        silos.Workers[2] = ["d", "e"];
        list.Set([FakeSilos.Address(1), FakeSilos.Address(2)]);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_silo_gets_one_message_with_its_workers_once_it_is_known_where_they_are()
    {
        // Where they were found, and where their grains say that they are.
        Assert.Equal("ad-", await Renewed("a", "d", "f"));
        Assert.Equal([(1, 3), (2, 3)], silos.TakeMessages());
        Array.ForEach(["b", "c"], id => Teach(id, 1));
        Teach("e", 2);

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
        list.Set([FakeSilos.Address(1)]);
        Assert.Equal("a--", await Renewed("a", "d", "e"));
        Assert.Equal([(1, 1), (2, 2)], silos.TakeMessages());

        Assert.Equal("--", await Renewed("f", "g"));
        Assert.Equal([(1, 2)], silos.TakeMessages());
    }

    [Fact]
    public async Task What_comes_while_enough_is_under_way_follows_in_one_message_and_each_gets_its_own_answers()
    {
        Array.ForEach(["a", "b", "c", "x"], id => Teach(id, 1));
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var first = Enumerable.Range(0, SiloLane.MostUnderWay).Select(_ => Renewed("a")).ToList();
        await silos.BegunAsync(SiloLane.MostUnderWay);
        var one = heartbeats.TryRenew(Id("b"), new());
        var many = Renewed("x", "c", "a");
        var last = Renewed("b", "x");
        Assert.Empty(silos.Messages);

        hold.SetResult();
        Assert.All(await Task.WhenAll(first).WaitAsync(Token), renewed => Assert.Equal("a", renewed));
        Assert.NotNull(await one.WaitAsync(Token));
        Assert.Equal("-ca", await many.WaitAsync(Token));
        Assert.Equal("b-", await last.WaitAsync(Token));
        Assert.Equal([.. Enumerable.Repeat((1, 1), SiloLane.MostUnderWay), (1, 6)], silos.TakeMessages());
    }

    [Fact]
    public async Task A_message_has_its_most()
    {
        Teach("a", 1);
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var batch = Enumerable.Repeat("a", SiloHeartbeats.MostInOne / 2).ToArray();
        var renewing = Enumerable.Range(0, SiloLane.MostUnderWay + 3).Select(_ => Renewed(batch)).ToList();
        hold.SetResult();

        await Task.WhenAll(renewing).WaitAsync(Token);
        Assert.Equal(SiloHeartbeats.MostInOne, silos.Messages.Max(m => m.Workers));
    }

    [Fact]
    public async Task What_waits_for_a_silo_that_turns_out_not_to_answer_is_not_sent_to_it()
    {
        Array.ForEach(["d", "e"], id => Teach(id, 2));
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        silos.Dead.Add(2);
        var renewing = Enumerable.Range(0, SiloLane.MostUnderWay + 9).Select(_ => Renewed("d")).ToList();
        await silos.BegunAsync(SiloLane.MostUnderWay);
        hold.SetResult();

        Assert.All(await Task.WhenAll(renewing).WaitAsync(Token), renewed => Assert.Equal("-", renewed));
        Assert.InRange(silos.TakeMessages().Length, 1, SiloLane.MostUnderWay);
    }

    [Fact]
    public async Task A_silo_that_hangs_holds_up_only_what_was_sent_to_it_and_no_guess()
    {
        Array.ForEach(["a", "b"], id => Teach(id, 1));
        silos.Held = new TaskCompletionSource().Task;
        var hanging = Enumerable.Range(0, SiloLane.MostUnderWay).Select(_ => Renewed("a")).ToList();
        var guesses = Renewed("d", "e");
        await silos.BegunAsync(SiloLane.MostUnderWay + 2);
        silos.Held = Task.CompletedTask;
        var next = Renewed("b");
        Assert.False(next.IsCompleted);
        Assert.False(guesses.IsCompleted);

        clock.Advance(SiloLane.Patience);

        Assert.Equal("b", await next.WaitAsync(Longest, TimeProvider.System, Token));
        Assert.Equal("--", await guesses.WaitAsync(Longest, TimeProvider.System, Token));
        Assert.All(hanging, renewed => Assert.False(renewed.IsCompleted));
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
    public async Task No_silo_is_asked_before_the_client_knows_grains()
    {
        silos.Starting = true;
        Teach("d", 2);
        Assert.Equal("---", await Renewed("a", "b", "d"));
        Assert.Empty(silos.Messages);
        Assert.False(link.Connected);

        silos.Starting = false;
        Assert.Equal("ab", await Renewed("a", "b"));
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
    public async Task Heartbeats_are_left_to_the_grains_where_silos_are_of_an_earlier_version_or_none_is_known()
    {
        silos.Old = true;
        Teach("d", 2);
        Assert.Equal("---", await Renewed("a", "b", "d"));
        silos.TakeMessages();

        silos.Old = false;
        list.Set([]);
        Assert.Equal("---", await Renewed("a", "b", "d"));
        Assert.Empty(silos.TakeMessages());
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
