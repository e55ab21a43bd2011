using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class StoreOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private MeshFixture mesh = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Changes_are_refused_and_change_nothing()
    {
        await mesh.Register("a", Sample.Ocr);
        var before = await mesh.List(Sample.Ocr);
        mesh.Store.Unavailable = true;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Register("a", Sample.Echo));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Register("new", Sample.Ocr));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").SetDraining(true));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Unregister());

        Assert.Equal(before.To, (await mesh.List(Sample.Ocr)).To);
        var described = await mesh.Worker("a").Describe();
        Assert.Equal(
            (1L, false, WorkerState.Online),
            (described!.Record.Incarnation, described.Record.Draining, described.State));
        mesh.Store.Unavailable = false;
        Assert.Equal(2, (await mesh.Register("a", Sample.Ocr)).Record.Incarnation);
        Assert.Equal(RegisterOutcome.Created, (await mesh.Register("new", Sample.Ocr)).Outcome);
    }

    [Fact]
    public async Task Heartbeats_of_known_workers_go_on()
    {
        await mesh.Register("a", Sample.Ocr);
        var watcher = await mesh.Watch(Sample.Ocr);
        mesh.Store.Unavailable = true;

        for (var i = 1; i <= 4; i++)
        {
            await mesh.Advance(TimeSpan.FromSeconds(5), Step);
            await mesh.Worker("a").Heartbeat(new() { Incarnation = 1, CurrentLoad = i / 10.0 });
            await mesh.Soon(watcher, "the load", w => w["a"]!.Load.Equals(i / 10.0));
        }

        Assert.Equal(WorkerState.Online, watcher["a"]!.State);
    }

    [Fact]
    public async Task Grains_that_are_not_in_memory_say_so_and_come_up_when_it_is_back()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Deactivate(mesh.Worker("a"));
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        mesh.Store.Unavailable = true;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Heartbeat(new()));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.List(Sample.Ocr));
        mesh.Store.Unavailable = false;

        Assert.Equal(HeartbeatOutcome.Renewed, (await mesh.Worker("a").Heartbeat(new())).Outcome);
        Assert.Single((await mesh.List(Sample.Ocr)).Changes);
    }

    [Fact]
    public async Task Heartbeats_are_answered_while_a_registration_waits_for_the_store()
    {
        await mesh.Register("a", Sample.Ocr);
        Task<RegisterAnswer> registering;
        using (var hold = mesh.Store.Hold(StoreOperation.Save))
        {
            registering = mesh.Register("a", Sample.Echo);
            await hold.Entered;

            var beat = await mesh.Worker("a").Heartbeat(new()).WaitAsync(Patience, TimeProvider.System, Cancellation);
            var described = await mesh.Worker("a").Describe().WaitAsync(Patience, TimeProvider.System, Cancellation);

            Assert.Equal((HeartbeatOutcome.Renewed, 1L), (beat.Outcome, beat.Incarnation));
            Assert.Equal(1, described!.Record.Incarnation);
            Assert.False(registering.IsCompleted);
        }

        Assert.Equal(2, (await registering).Record.Incarnation);
    }

    [Fact]
    public async Task A_heartbeat_during_the_removal_waits_for_its_outcome()
    {
        await mesh.Register("a", Sample.Ocr);
        Task<RegisterAnswer?> removing;
        Task<HeartbeatAnswer> beating;
        using (var hold = mesh.Store.Hold(StoreOperation.Remove))
        {
            removing = mesh.Worker("a").Unregister();
            await hold.Entered;
            beating = mesh.Worker("a").Heartbeat(new());
            // By then the heartbeat has come to the silo too.
            await mesh.Register("b", Sample.Ocr);
            Assert.False(beating.IsCompleted);
        }

        Assert.Equal(HeartbeatOutcome.Unknown, (await beating).Outcome);
        Assert.NotNull(await removing);
    }

    [Fact]
    public async Task A_heartbeat_that_waits_for_a_registry_outlives_the_removal_of_its_worker()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        using var hold = mesh.Store.Hold(StoreOperation.ReadPage);

        var beating = mesh.Worker("a").Heartbeat(new() { Degraded = true });
        await hold.Entered.WaitAsync(Patience, TimeProvider.System, Cancellation);
        var removing = mesh.Worker("a").Unregister();

        Assert.NotNull(await mesh.Soon(removing, "the removal"));
        Assert.Equal(HeartbeatOutcome.Renewed, (await mesh.Soon(beating, "the heartbeat's answer")).Outcome);
    }

    [Fact]
    public async Task A_registration_whose_answer_was_lost_drops_service_types_when_it_is_repeated()
    {
        await mesh.Register("a", Sample.Ocr);
        var operation = Guid.NewGuid();
        var registration = Sample.Registration("a", Sample.Echo);
        mesh.Store.LoseNextAnswer(StoreOperation.Save);
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => mesh.Worker("a").Register(registration, operation, null));

        var repeated = await mesh.Worker("a").Register(registration, operation, null);

        Assert.Equal((RegisterOutcome.Replaced, 2L), (repeated.Outcome, repeated.Record.Incarnation));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.Equal(2, Assert.Single((await mesh.List(Sample.Echo)).Changes).Incarnation);
    }

    [Fact]
    public async Task A_move_whose_answer_was_lost_leaves_no_trace_where_another_registration_follows_it()
    {
        await mesh.Register("a", Sample.Ocr);
        mesh.Store.LoseNextAnswer(StoreOperation.Save);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Register("a", Sample.Echo));

        await Assert.ThrowsAsync<StaleOwnerException>(() => mesh.Register("a", Sample.Ner));
        var answer = await mesh.Register("a", Sample.Ner);

        Assert.Equal(3, answer.Record.Incarnation);
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.Empty((await mesh.List(Sample.Echo)).Changes);
        Assert.Equal(3, Assert.Single((await mesh.List(Sample.Ner)).Changes).Incarnation);
    }

    [Fact]
    public async Task A_removal_whose_answer_was_lost_leaves_the_registries_when_it_is_repeated()
    {
        await mesh.Register("a", Sample.Ocr);
        mesh.Store.LoseNextAnswer(StoreOperation.Remove);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Unregister());

        var repeated = await mesh.Worker("a").Unregister();

        Assert.Equal(1, repeated!.Record.Incarnation);
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.Null(await mesh.Worker("a").Describe());
        Assert.Equal(2, (await mesh.Register("a", Sample.Ocr)).Record.Incarnation);
        Assert.Single((await mesh.List(Sample.Ocr)).Changes);
    }

    [Fact]
    public async Task A_removal_whose_answer_was_lost_is_found_out_though_nobody_repeats_it()
    {
        await mesh.Register("a", Sample.Ocr);
        mesh.Store.LoseNextAnswer(StoreOperation.Remove);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Unregister());

        await mesh.Eventually(() => mesh.Worker("a").Describe(), described => described is null, "a unknown");
        await mesh.Eventually(() => mesh.List(Sample.Ocr), list => list.Changes.IsEmpty, "nobody");
    }

    /// <summary>Without the grain, by another silo: the store lets it, as nothing is registered there.</summary>
    [Fact]
    public async Task One_whose_removal_was_not_known_and_that_was_registered_anew_since_is_who_is_stored()
    {
        await mesh.Register("a", Sample.Ocr);
        mesh.Store.LoseNextAnswer(StoreOperation.Remove);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Unregister());
        var added = await mesh.Registrations.Add(
            [new(WorkerId.Parse("a"), Sample.Registration("a", Sample.Ocr), Guid.NewGuid())], floor: 1);
        Assert.Equal((RegisterOutcome.Created, 2L), (added[0].Answer!.Outcome, added[0].Answer!.Record.Incarnation));

        await mesh.Eventually(
            () => mesh.Worker("a").Describe(), described => described?.Record.Incarnation == 2, "the incarnation that is stored");
        Assert.Equal(2, (await mesh.Worker("a").Heartbeat(new())).Incarnation);
        Assert.Equal(2, Assert.Single((await mesh.List(Sample.Ocr)).Changes).Incarnation);
    }

    [Fact]
    public async Task Changes_whose_answers_were_lost_are_found_out_when_the_store_answers_again()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("b", Sample.Ocr);
        mesh.Store.LoseNextAnswer(StoreOperation.Save);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Register("a", Sample.Echo));
        mesh.Store.LoseNextAnswer(StoreOperation.SetDraining);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("b").SetDraining(true));
        mesh.Store.Unavailable = true;
        await mesh.Advance(TimeSpan.FromSeconds(12), Step);
        Assert.Equal(1, (await mesh.Worker("a").Describe())!.Record.Incarnation);
        Assert.Equal(HeartbeatOutcome.Renewed, (await mesh.Worker("b").Heartbeat(new())).Outcome);
        mesh.Store.Unavailable = false;

        await mesh.Eventually(
            () => mesh.List(Sample.Echo), list => list.Changes is [{ Incarnation: 2 }], "a in its new service");
        await mesh.Eventually(
            () => mesh.List(Sample.Ocr), list => list.Changes is [{ Id.Value: "b", State: WorkerState.Draining }], "b, which drains");
        Assert.Equal(2, (await mesh.Worker("a").Describe())!.Record.Incarnation);
        Assert.True((await mesh.Worker("b").Describe())!.Record.Draining);
    }

    /// <summary>As a server does that hung: it gets to it after it has answered others.</summary>
    [Fact]
    public async Task A_removal_that_takes_effect_only_after_it_was_looked_for_is_found_out()
    {
        await mesh.Register("a", Sample.Ocr);
        var stored = mesh.Store.Peek(WorkerId.Parse("a"));
        mesh.Store.LoseNextAnswer(StoreOperation.Remove);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Unregister());
        mesh.Store.Poke(WorkerId.Parse("a"), stored);
        var reads = mesh.Store.Calls(StoreOperation.Read);
        await mesh.Eventually(() => Task.FromResult(mesh.Store.Calls(StoreOperation.Read)), calls => calls > reads, "a look");
        Assert.NotNull(await mesh.Worker("a").Describe());
        mesh.Store.Poke(WorkerId.Parse("a"), null);

        await mesh.Eventually(() => mesh.Worker("a").Describe(), described => described is null, "a unknown");
    }

    [Fact]
    public async Task An_answer_does_not_wait_for_a_registry_that_hangs()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        using var hold = mesh.Store.Hold(StoreOperation.ReadPage);

        var answer = await mesh.Soon(mesh.Worker("a").SetDraining(true), "an answer without the registry's");

        Assert.True(answer!.Record.Draining);
        Assert.Empty(answer.Versions);
    }

    [Fact]
    public async Task A_registry_that_could_not_be_told_is_told_when_it_can()
    {
        await mesh.Register("a", Sample.Ocr);
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Worker("a").Heartbeat(new() { CurrentLoad = 0.5 });
        await mesh.Soon(watcher, "the load", w => w["a"]!.Load.Equals(0.5));
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        mesh.Store.Failing = StoreOperation.ReadPage;
        Assert.Empty((await mesh.Worker("a").SetDraining(true))!.Versions);
        mesh.Store.Failing = null;

        // The drain could come from the store as well; the load comes from the worker's grain only.
        await mesh.Eventually(
            () => mesh.List(Sample.Ocr), l => l.Changes is [{ Load: 0.5 }], "a worker with the load it reported");
    }
}
