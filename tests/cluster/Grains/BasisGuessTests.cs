using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Registrations whose caller guesses what they are based on.</summary>
public sealed class BasisGuessTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_right_guess_of_the_basis_registers_with_one_write_and_no_reading()
    {
        var floor = (await mesh.Register("other", Sample.Ocr)).IncarnationFloor!.Value;
        var reads = mesh.Store.Calls(StoreOperation.Read);

        var created = await Guess("a", Guid.NewGuid(), ~floor);
        var replaced = await Guess("a", Guid.NewGuid(), created.Record.Incarnation);

        Assert.Equal((RegisterOutcome.Created, 1L, 0L), (created.Outcome, created.Record.Incarnation, created.IncarnationFloor));
        Assert.Equal((RegisterOutcome.Replaced, 2L), (replaced.Outcome, replaced.Record.Incarnation));
        Assert.Equal(reads, mesh.Store.Calls(StoreOperation.Read));
        Assert.Equal(2, mesh.Store.Peek(WorkerId.Parse("a"))!.Incarnation);
        Assert.Equal(2, Assert.Single((await mesh.List(Sample.Ocr)).Changes, c => c.Id.Value == "a").Incarnation);
    }

    [Fact]
    public async Task A_wrong_guess_of_the_basis_changes_nothing_and_is_answered_with_what_is_so()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("gone", Sample.Ocr);
        await mesh.Worker("gone").Unregister();
        await mesh.Register("gone", Sample.Ocr);
        await mesh.Worker("gone").Unregister();

        foreach (var inMemory in (bool[])[true, false])
        {
            if (!inMemory)
            {
                await mesh.Deactivate(mesh.Worker("a"));
                await mesh.Deactivate(mesh.Worker("gone"));
            }

            // Taken for a new one; for one that was replaced; for one that is still there; with the floor of before.
            var known = await Guess("a", Guid.NewGuid(), ~2);
            var older = await Guess("a", Guid.NewGuid(), 5);
            var gone = await Guess("gone", Guid.NewGuid(), 2);
            var low = await Guess("gone", Guid.NewGuid(), ~1);

            Assert.All([known, older, gone, low], a => Assert.Equal(RegisterOutcome.Misjudged, a.Outcome));
            Assert.All([known, older], a => Assert.Equal(1, a.Record.Incarnation));
            Assert.All([gone, low], a => Assert.Equal((null, 2L), (a.Record, a.IncarnationFloor)));
        }

        Assert.Equal(1, mesh.Store.Peek(WorkerId.Parse("a"))!.Incarnation);
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("gone")));
        Assert.Equal(3, (await Guess("gone", Guid.NewGuid(), ~2)).Record.Incarnation);
    }

    [Fact]
    public async Task A_guess_that_another_removal_overtakes_changes_nothing()
    {
        await mesh.Register("other", Sample.Ocr);
        // In memory, with the floor of before.
        Assert.Equal(~0L, await mesh.Worker("b").Basis());
        await mesh.Worker("other").Unregister();

        Assert.All(
            await Task.WhenAll(Guess("a", Guid.NewGuid(), ~0L), Guess("b", Guid.NewGuid(), ~0L)),
            answer => Assert.Equal((RegisterOutcome.Misjudged, null, 1L), (answer.Outcome, answer.Record, answer.IncarnationFloor)));
        Assert.Equal(2, (await Guess("b", Guid.NewGuid(), ~1L)).Record.Incarnation);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_late_copy_of_a_guess_changes_nothing_whether_it_was_right_or_wrong(bool right)
    {
        if (!right)
        {
            await mesh.Register("a", Sample.Ocr);
        }

        await mesh.Register("high", Sample.Ocr);
        await mesh.Register("high", Sample.Ocr);
        await mesh.Worker("high").Unregister();
        var operation = Guid.NewGuid();
        // What a first call says that hangs on its way, while the call is made again.
        var guess = ~2L;
        var made = await mesh.Worker("a").Register(
            Sample.Registration("a", Sample.Ocr), operation, null, basis: await mesh.Worker("a").Basis());
        Assert.Equal(right ? 3 : 2, made.Record.Incarnation);
        var again = await Guess("a", operation, guess);
        Assert.Equal((made.Outcome, made.Record.Incarnation), (again.Outcome, again.Record.Incarnation));

        await mesh.Register("a", Sample.Ner);
        var followed = mesh.Store.Peek(WorkerId.Parse("a"));
        Assert.NotEqual(RegisterOutcome.Created, await LateOutcome());
        Assert.Equal(followed, mesh.Store.Peek(WorkerId.Parse("a")));

        await mesh.Worker("a").Unregister();
        Assert.Equal(RegisterOutcome.Misjudged, await LateOutcome());
        await mesh.Deactivate(mesh.Worker("a"));
        Assert.Equal(RegisterOutcome.Misjudged, await LateOutcome());
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);

        async Task<RegisterOutcome> LateOutcome() => (await Guess("a", operation, guess)).Outcome;
    }

    [Fact]
    public async Task A_registration_whose_outcome_is_unknown_does_not_come_in_after_the_worker_was_unregistered()
    {
        await mesh.Register("a", Sample.Ocr);
        var basis = await mesh.Worker("a").Basis();
        await mesh.Worker("a").Unregister();

        await Assert.ThrowsAsync<StaleOwnerException>(
            () => mesh.Worker("a").Register(Sample.Registration("a", Sample.Ocr), Guid.NewGuid(), null, basis: basis));
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
    }

    [Fact]
    public async Task A_guess_whose_answer_from_the_store_was_lost_is_found_when_it_is_asked_for()
    {
        var operation = Guid.NewGuid();
        mesh.Store.LoseNextAnswer(StoreOperation.Add);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Guess("a", operation, ~0L));

        var again = await mesh.Worker("a").Register(
            Sample.Registration("a", Sample.Ocr), operation, null, basis: await mesh.Worker("a").Basis());

        Assert.Equal((RegisterOutcome.Created, 1L), (again.Outcome, again.Record.Incarnation));
        Assert.Single((await mesh.List(Sample.Ocr)).Changes);
    }

    [Fact]
    public async Task A_heartbeat_waits_for_the_registration_of_a_new_worker()
    {
        using var hold = mesh.Store.Hold(StoreOperation.Add);
        var registering = Guess("a", Guid.NewGuid(), ~0L);
        await hold.Entered;

        var beating = mesh.Worker("a").Heartbeat(new() { CurrentLoad = 0.5 });
        hold.Dispose();

        Assert.Equal(1, (await registering).Record.Incarnation);
        Assert.Equal((HeartbeatOutcome.Renewed, 1L), ((await beating).Outcome, (await beating).Incarnation));
    }

    private Task<RegisterAnswer> Guess(string id, Guid operation, long basis) => mesh.Worker(id).Register(
        Sample.Registration(id, Sample.Ocr), operation, null, basis: basis, guessed: true);
}
