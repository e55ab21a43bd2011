using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class RegistrationTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_first_registration_is_created_and_the_next_replaces_it()
    {
        var first = await mesh.Register("a", Sample.Ocr);
        var second = await mesh.Register("a", Sample.Ocr);

        Assert.Equal((RegisterOutcome.Created, 1L), (first.Outcome, first.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Replaced, 2L), (second.Outcome, second.Record.Incarnation));
        Assert.Equal(second.Record.Incarnation, mesh.Store.Peek(WorkerId.Parse("a"))!.Incarnation);
        var listed = Assert.Single((await mesh.List(Sample.Ocr)).Changes);
        Assert.Equal((2L, WorkerState.Online), (listed.Incarnation, listed.State));
        Assert.Equal("http://a:8000", Assert.Single(listed.Registration!.Urls));
    }

    [Fact]
    public async Task The_answer_names_the_registry_versions_that_show_the_worker()
    {
        var answer = await mesh.Register("a", Sample.Ocr, Sample.Echo);

        Assert.Equal([Sample.Ocr, Sample.Echo], answer.Versions.Select(v => v.ServiceType));
        foreach (var version in answer.Versions)
        {
            var list = await mesh.List(version.ServiceType);
            Assert.Equal((version.Epoch, version.Version), (list.Epoch, list.To));
            Assert.Single(list.Changes);
        }
    }

    [Fact]
    public async Task Repeating_an_operation_gives_the_first_answer_again()
    {
        var registration = Sample.Registration("a", Sample.Ocr);
        var (create, replace) = (Guid.NewGuid(), Guid.NewGuid());

        var created = await mesh.Worker("a").Register(registration, create, null);
        var createdAgain = await mesh.Worker("a").Register(registration, create, null);
        var replaced = await mesh.Worker("a").Register(registration, replace, null);
        await mesh.Deactivate(mesh.Worker("a"));
        var replacedAgain = await mesh.Worker("a").Register(registration, replace, null);

        Assert.Equal(
            (created.Outcome, created.Record.Incarnation),
            (createdAgain.Outcome, createdAgain.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Replaced, 2L), (replaced.Outcome, replaced.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Replaced, 2L), (replacedAgain.Outcome, replacedAgain.Record.Incarnation));
        Assert.Equal(2, mesh.Store.Calls(StoreOperation.Save));
        Assert.Equal(2, Assert.Single((await mesh.List(Sample.Ocr)).Changes).Incarnation);
    }

    [Fact]
    public async Task A_registration_that_expects_an_older_incarnation_is_refused_and_changes_nothing()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("a", Sample.Ocr);

        var stale = await mesh.Worker("a").Register(Sample.Registration("a", Sample.Echo), Guid.NewGuid(), 1);
        var current = await mesh.Worker("a").Register(Sample.Registration("a", Sample.Ocr), Guid.NewGuid(), 2);

        Assert.Equal((RegisterOutcome.Superseded, 2L), (stale.Outcome, stale.Record.Incarnation));
        Assert.Empty((await mesh.List(Sample.Echo)).Changes);
        Assert.Equal((RegisterOutcome.Replaced, 3L), (current.Outcome, current.Record.Incarnation));
    }

    [Fact]
    public async Task What_another_activation_has_written_is_not_undone_and_the_next_call_starts_above_it()
    {
        await mesh.Register("a", Sample.Ocr);
        var written = Sample.Record("a", 7, Sample.Ocr);
        mesh.Store.Poke(written.Id, written);

        await Assert.ThrowsAsync<StaleOwnerException>(() => mesh.Register("a", Sample.Echo));
        Assert.Equal(written, mesh.Store.Peek(written.Id));

        var answer = await mesh.Register("a", Sample.Echo);

        Assert.Equal((RegisterOutcome.Replaced, 8L), (answer.Outcome, answer.Record.Incarnation));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
    }

    [Fact]
    public async Task A_drain_that_another_activation_overtook_changes_nothing()
    {
        await mesh.Register("a", Sample.Ocr);
        var written = Sample.Record("a", 7, Sample.Ocr);
        mesh.Store.Poke(written.Id, written);

        await Assert.ThrowsAsync<StaleOwnerException>(() => mesh.Worker("a").SetDraining(true));
        Assert.Equal(written, mesh.Store.Peek(written.Id));
        Assert.Equal(7, (await mesh.Worker("a").SetDraining(true))!.Record.Incarnation);
    }

    [Fact]
    public async Task A_late_copy_of_a_call_that_others_have_followed_changes_nothing()
    {
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        await mesh.Worker("a").Register(Sample.Registration("a", Sample.Ocr), first, null);
        await mesh.Worker("a").Register(Sample.Registration("a", Sample.Echo), second, null);

        var late = await mesh.Worker("a").Register(Sample.Registration("a", Sample.Ocr), first, null);

        Assert.Equal((RegisterOutcome.Superseded, 2L, second), (late.Outcome, late.Record.Incarnation, late.Record.OperationId));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        await mesh.Worker("a").Unregister();
        await Assert.ThrowsAsync<StaleOwnerException>(
            () => mesh.Worker("a").Register(Sample.Registration("a", Sample.Ocr), second, null));
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
    }

    [Fact]
    public async Task A_change_that_is_based_on_what_is_no_longer_so_changes_nothing()
    {
        var worker = mesh.Worker("a");
        var registration = Sample.Registration("a", Sample.Ocr);
        var unknown = await worker.Basis();
        var operation = Guid.NewGuid();
        await worker.Register(registration, operation, null, basis: unknown);
        var first = await worker.Basis();
        // Repeated it is answered, whatever it is based on.
        Assert.Equal(1, (await worker.Register(registration, operation, null, basis: unknown)).Record.Incarnation);
        await Assert.ThrowsAsync<StaleOwnerException>(() => worker.Register(registration, Guid.NewGuid(), null, basis: unknown));

        var second = await worker.Register(registration, Guid.NewGuid(), null, basis: first);
        Assert.Equal(2, second.Record.Incarnation);
        await Assert.ThrowsAsync<StaleOwnerException>(() => worker.Register(registration, Guid.NewGuid(), null, basis: first));
        await Assert.ThrowsAsync<StaleOwnerException>(() => worker.SetDraining(true, first));
        await Assert.ThrowsAsync<StaleOwnerException>(() => worker.Unregister(first));
        Assert.Equal((2, false), (mesh.Store.Peek(WorkerId.Parse("a"))!.Incarnation, mesh.Store.Peek(WorkerId.Parse("a"))!.Draining));

        Assert.NotNull(await worker.Unregister(await worker.Basis()));
        await Assert.ThrowsAsync<StaleOwnerException>(() => worker.Register(registration, Guid.NewGuid(), null, basis: unknown));
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
    }

    [Fact]
    public async Task An_unregistered_worker_is_gone_everywhere_and_comes_back_with_a_higher_incarnation()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        var watcher = await mesh.Watch(Sample.Ocr);

        var removed = await mesh.Worker("a").Unregister();

        Assert.Equal(2, removed!.Record.Incarnation);
        Assert.Equal([Sample.Ocr, Sample.Echo], removed.Versions.Select(v => v.ServiceType));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.Empty((await mesh.List(Sample.Echo)).Changes);
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
        Assert.Null(await mesh.Worker("a").Describe());
        Assert.Null(await mesh.Worker("a").Unregister());
        Assert.Null(await mesh.Worker("a").SetDraining(true));
        await mesh.Soon(watcher, "the removal", w => w.Count == 0);
        var again = await mesh.Register("a", Sample.Ocr);
        Assert.Equal((RegisterOutcome.Created, 3L), (again.Outcome, again.Record.Incarnation));
        Assert.Equal(3, Assert.Single((await mesh.List(Sample.Ocr)).Changes).Incarnation);
    }

    [Fact]
    public async Task A_worker_that_was_never_heard_of_starts_above_all_that_were_ever_removed()
    {
        // It is in memory, with the floor of before, when the other one is removed.
        Assert.Equal(HeartbeatOutcome.Unknown, (await mesh.Worker("b").Heartbeat(new())).Outcome);
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("a", Sample.Ocr);
        await mesh.Worker("a").Unregister();

        Assert.Equal(3, (await mesh.Register("b", Sample.Ocr)).Record.Incarnation);
    }

    [Fact]
    public async Task Service_types_that_a_registration_drops_lose_the_worker()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);

        var answer = await mesh.Register("a", Sample.Echo);

        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.Equal(2, Assert.Single((await mesh.List(Sample.Echo)).Changes).Incarnation);
        Assert.Equal([Sample.Echo, Sample.Ocr], answer.Versions.Select(v => v.ServiceType));
    }

    [Fact]
    public async Task A_worker_without_services_is_described_and_not_listed_under_any()
    {
        await mesh.Register("a");

        Assert.Equal(WorkerState.Online, (await mesh.Worker("a").Describe())!.State);
        Assert.Equal(1, (await mesh.Registry(ServiceType.None).Count()).Workers.Online);
        Assert.Empty((await mesh.Catalog.List()).Services);
        await mesh.Register("a", Sample.Ocr);
        Assert.Equal(0, (await mesh.Registry(ServiceType.None).Count()).Workers.Total);
    }
}
