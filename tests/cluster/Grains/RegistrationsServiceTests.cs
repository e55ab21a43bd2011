using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>First registrations, many in one message, without the workers' grains.</summary>
public sealed class RegistrationsServiceTests : IAsyncLifetime
{
    private static readonly WorkerId A = WorkerId.Parse("a");
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Workers_are_registered_without_their_grains_which_know_of_it_when_they_are_called()
    {
        var answers = await mesh.Registrations.Add([New("a", Sample.Ocr), New("b", Sample.Ocr, Sample.Echo)], floor: 0);

        Assert.Equal([RegisterOutcome.Created, RegisterOutcome.Created], answers.Select(a => a.Answer!.Outcome));
        Assert.Equal([Sample.Ocr, Sample.Echo], answers[1].Answer!.Versions.Select(v => v.ServiceType));
        Assert.Equal(0, await mesh.CountWorkerGrains());
        Assert.Equal(["a", "b"], (await mesh.List(Sample.Ocr)).Changes.Select(c => c.Id.Value).Order());

        Assert.Equal(HeartbeatOutcome.Renewed, (await mesh.Worker("a").Heartbeat(new() { Incarnation = 1 })).Outcome);
        Assert.Equal(2, (await mesh.Register("b", Sample.Ocr)).Record.Incarnation);
        Assert.Empty((await mesh.List(Sample.Echo)).Changes);
    }

    [Fact]
    public async Task The_silo_that_has_the_registry_says_so_and_the_other_does_not()
    {
        await mesh.Registrations.Add([New("a", Sample.Ocr, Sample.Ner)], floor: 0);

        var here = Assert.Single(await mesh.RegistrationsAt(0).Add([New("b", Sample.Ocr, Sample.Echo)], floor: 0));
        var there = Assert.Single(await mesh.RegistrationsAt(1).Add([New("c", Sample.Ocr, Sample.Echo)], floor: 0));
        Assert.NotEqual(here.HasRegistry, there.HasRegistry);
        var home = (await mesh.HomesOf(mesh.Registry(Sample.Ocr)))[Sample.Ocr.Value];
        Assert.Equal(mesh.Silo(here.HasRegistry ? 0 : 1), home);
    }

    [Fact]
    public async Task Who_is_stored_already_is_named_and_holds_up_nobody_else()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("gone", Sample.Ocr);
        await mesh.Worker("gone").Unregister();

        var answers = await mesh.Registrations.Add([New("a", Sample.Ner), New("b", Sample.Ner)], floor: 1);
        var low = await mesh.Registrations.Add([New("c", Sample.Ner)], floor: 0);

        Assert.Equal((RegisterOutcome.Misjudged, 1L), (answers[0].Answer!.Outcome, answers[0].Answer!.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Created, 2L), (answers[1].Answer!.Outcome, answers[1].Answer!.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Misjudged, null, 1L), (low[0].Answer!.Outcome, low[0].Answer!.Record, low[0].Answer!.IncarnationFloor));
        Assert.Equal(["b"], (await mesh.List(Sample.Ner)).Changes.Select(c => c.Id.Value));
        // One of each message: who was refused is looked up, not added once more.
        Assert.Equal(2, mesh.Store.Calls(StoreOperation.Add));
    }

    [Fact]
    public async Task One_worker_twice_in_a_message_is_registered_once_and_a_copy_gets_the_first_answer()
    {
        var (one, two) = (New("a", Sample.Ocr), New("a", Sample.Ocr));

        var answers = await mesh.Registrations.Add([one, two], floor: 0);
        var first = answers.Single(a => a.Answer!.Outcome == RegisterOutcome.Created);
        var again = await mesh.Registrations.Add([one, two], floor: 0);

        Assert.Single(answers, a => a.Answer!.Outcome == RegisterOutcome.Misjudged);
        Assert.Equal(
            first.Answer!.Record.OperationId,
            again.Single(a => a.Answer!.Outcome == RegisterOutcome.Created).Answer!.Record.OperationId);
        Assert.Equal((1L, first.Answer!.Record.OperationId), (mesh.Store.Peek(A)!.Incarnation, mesh.Store.Peek(A)!.OperationId));
    }

    [Fact]
    public async Task A_grain_that_found_nothing_finds_what_was_stored_since()
    {
        Assert.Null(await mesh.Worker("a").Describe());
        Assert.Null(await mesh.Worker("b").Unregister());
        await mesh.Registrations.Add([New("a", Sample.Ocr), New("b", Sample.Ocr)], floor: 0);

        Assert.Equal(HeartbeatOutcome.Renewed, (await mesh.Worker("a").Heartbeat(new())).Outcome);
        Assert.NotNull(await mesh.Worker("b").Unregister());
        Assert.Equal(["a"], (await mesh.List(Sample.Ocr)).Changes.Select(c => c.Id.Value));
    }

    [Fact]
    public async Task What_was_read_before_a_registration_does_not_undo_it()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Worker("a").Unregister();
        Task<HeartbeatAnswer> beat;
        using (var hold = mesh.Store.HoldAnswers(StoreOperation.Read))
        {
            beat = mesh.Worker("a").Heartbeat(new());
            await hold.Entered.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
            var answer = await mesh.Worker("a").Register(
                Sample.Registration("a", Sample.Ocr), Guid.NewGuid(), null, basis: ~1L, guessed: true);
            Assert.Equal(RegisterOutcome.Created, answer.Outcome);
        }

        Assert.Equal(HeartbeatOutcome.Renewed, (await beat).Outcome);
        Assert.Equal(2, (await mesh.Worker("a").Describe())!.Record.Incarnation);
    }

    [Fact]
    public async Task A_copy_that_is_late_undoes_nothing_that_followed()
    {
        var late = New("a", Sample.Ocr);
        await mesh.Registrations.Add([late], floor: 0);
        await mesh.Worker("a").SetDraining(true);
        Assert.Equal(RegisterOutcome.Created, (await LateAsync()).Outcome);
        Assert.Equal(WorkerState.Draining, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);

        await mesh.Register("a", Sample.Ner);
        Assert.Equal(RegisterOutcome.Misjudged, (await LateAsync()).Outcome);
        await mesh.Worker("a").Unregister();
        Assert.Equal(RegisterOutcome.Misjudged, (await LateAsync()).Outcome);

        Assert.Null(mesh.Store.Peek(A));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.Empty((await mesh.List(Sample.Ner)).Changes);

        async Task<RegisterAnswer> LateAsync() => (await mesh.Registrations.Add([late], floor: 0))[0].Answer!;
    }

    [Fact]
    public async Task A_worker_of_which_nothing_is_heard_goes_offline_and_is_forgotten_in_its_time()
    {
        await mesh.Registrations.Add([New("a", Sample.Ocr), New("b", Sample.Ocr), New("c", Sample.Ocr)], floor: 0);
        await mesh.Advance(Registration.DefaultLease * 0.6);
        // Most are heard from: then it is the worker's fault.
        await mesh.Worker("b").Heartbeat(new());
        await mesh.Worker("c").Heartbeat(new());
        await mesh.Advance(Registration.DefaultLease * 0.6);

        // Its grain comes into memory only now.
        var described = await mesh.Worker("a").Describe();
        Assert.Equal(WorkerState.Offline, described!.State);
        Assert.InRange(described.HeardAgo, Registration.DefaultLease, Registration.DefaultLease * 1.5);

        await mesh.Deactivate(mesh.Worker("a"));
        await mesh.Advance(TimeSpan.FromMinutes(10));
        await mesh.Eventually(
            () => Task.FromResult(mesh.Store.Peek(A)), record => record is null, "the record is gone");
    }

    [Fact]
    public async Task Where_the_store_does_not_answer_the_caller_is_told_so_and_may_try_again()
    {
        mesh.Store.Unavailable = true;
        var failed = Assert.Single(await mesh.Registrations.Add([New("a", Sample.Ocr)], floor: 0));
        Assert.Null(failed.Answer);
        Assert.False(string.IsNullOrEmpty(failed.Failure));
        mesh.Store.Unavailable = false;

        mesh.Store.LoseNextAnswer(StoreOperation.Add);
        var lost = New("a", Sample.Ocr);
        Assert.NotNull(Assert.Single(await mesh.Registrations.Add([lost], floor: 0)).Failure);
        Assert.Equal(RegisterOutcome.Created, Assert.Single(await mesh.Registrations.Add([lost], floor: 0)).Answer!.Outcome);
        Assert.Single((await mesh.List(Sample.Ocr)).Changes);
    }

    [Fact]
    public async Task What_was_stored_though_the_caller_was_refused_is_found_out_though_nobody_repeats_it()
    {
        await mesh.Register("before", Sample.Ocr);
        Assert.Single((await mesh.List(Sample.Ocr)).Changes);
        mesh.Store.LoseNextAnswer(StoreOperation.Add);
        Assert.Null(Assert.Single(await mesh.Registrations.Add([New("a", Sample.Ocr)], floor: 0)).Answer);
        mesh.Store.LoseNextAnswer(StoreOperation.Add);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("b").Register(
            Sample.Registration("b", Sample.Ocr), Guid.NewGuid(), null, basis: ~0, guessed: true));
        // That one is read in the meantime, which tells nobody.
        mesh.Store.LoseNextAnswer(StoreOperation.Add);
        Assert.Null(Assert.Single(await mesh.Registrations.Add([New("c", Sample.Ocr)], floor: 0)).Answer);
        Assert.NotNull(await mesh.Worker("c").Describe());
        mesh.Store.Unavailable = true;
        await mesh.Advance(TimeSpan.FromSeconds(12), TimeSpan.FromSeconds(1));
        mesh.Store.Unavailable = false;
        Assert.Equal(["before"], (await mesh.List(Sample.Ocr)).Changes.Select(c => c.Id.Value));

        await mesh.Eventually(
            () => mesh.List(Sample.Ocr),
            list => list.Changes.Select(c => c.Id.Value).Order().SequenceEqual(["a", "b", "before", "c"]),
            "all of them");
    }

    [Fact]
    public async Task Who_was_refused_and_is_not_stored_leaves_nothing_behind()
    {
        mesh.Store.Unavailable = true;
        Assert.Null(Assert.Single(await mesh.Registrations.Add([New("a", Sample.Ocr)], floor: 0)).Answer);
        await mesh.Advance(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1));
        Assert.Equal(1, await mesh.CountWorkerGrains());
        mesh.Store.Unavailable = false;

        await mesh.Eventually(mesh.CountWorkerGrains, count => count == 0, "no grain");
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
    }

    private static NewWorker New(string id, params ServiceType[] services) =>
        new(WorkerId.Parse(id), Sample.Registration(id, services), Guid.NewGuid());
}
