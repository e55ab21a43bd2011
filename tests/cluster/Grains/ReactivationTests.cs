using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class ReactivationTests : IAsyncLifetime
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_registry_lists_all_that_are_stored()
    {
        // More than two pages of its reading.
        const int workers = 2100;
        for (var i = 0; i < workers; i++)
        {
            var record = Sample.Record($"w{i}", i + 1, i % 3 == 0 ? Sample.Echo : Sample.Ocr);
            mesh.Store.Poke(record.Id, record);
        }

        var list = await mesh.List(Sample.Ocr);

        Assert.Equal(workers * 2 / 3, list.Changes.Length);
        Assert.All(list.Changes, c => Assert.Equal(WorkerState.Online, c.State));
        Assert.All(list.Changes, c => Assert.Equal($"w{c.Incarnation - 1}", c.Id.Value));
    }

    [Fact]
    public async Task A_registry_that_comes_back_gives_a_lease_of_grace()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Advance(Sample.Lease - TimeSpan.FromSeconds(1), Step);
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));

        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Advance(Sample.Lease - TimeSpan.FromSeconds(1), Step);
        Assert.Equal(WorkerState.Online, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
        await mesh.Soon(watcher, "a offline", w => w["a"]!.State == WorkerState.Offline);
    }

    [Fact]
    public async Task A_restarted_cluster_goes_on_with_the_heartbeats_of_before()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("a", Sample.Ocr);
        await mesh.DisposeAsync();
        mesh = await MeshFixture.Start(after: mesh);
        var watcher = await mesh.Watch(Sample.Ocr);

        for (var i = 1; i <= 4; i++)
        {
            await mesh.Advance(TimeSpan.FromSeconds(5), Step);
            var answer = await mesh.Worker("a").Heartbeat(new() { Incarnation = 2, CurrentLoad = i / 10.0 });
            Assert.Equal(HeartbeatOutcome.Renewed, answer.Outcome);
            await mesh.Soon(watcher, "the load", w => w["a"]!.Load.Equals(i / 10.0));
        }

        Assert.Equal((2L, WorkerState.Online), (watcher["a"]!.Incarnation, watcher["a"]!.State));
    }

    [Fact]
    public async Task Leases_end_in_a_restarted_cluster_that_nobody_asks_anything()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.DisposeAsync();
        mesh = await MeshFixture.Start(configure: o => o.RecordRetention = Step, after: mesh);

        // Only the keeper of the catalog brings the registry into memory; it and then the worker's grain give grace.
        await mesh.Advance(TimeSpan.FromMinutes(1), Step);
        await mesh.Eventually(
            () => Task.FromResult(mesh.Store.Peek(WorkerId.Parse("a"))), record => record is null, "a forgotten");
    }

    [Fact]
    public async Task A_registry_that_does_not_know_a_worker_is_told_after_its_next_heartbeat()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        mesh.Store.Poke(WorkerId.Parse("a"), null);
        var watcher = await mesh.Watch(Sample.Ocr);
        Assert.Equal(0, watcher.Count);

        await mesh.Worker("a").Heartbeat(new() { CurrentLoad = 0.5 });
        await mesh.Soon(watcher, "a joined", w => w.Count == 1);

        Assert.Equal(
            (1L, WorkerState.Online, 0.5),
            (watcher["a"]!.Incarnation, watcher["a"]!.State, watcher["a"]!.Load));
        Assert.NotNull(watcher["a"]!.Registration);
    }

    [Fact]
    public async Task A_registry_that_knows_an_older_incarnation_is_told_after_the_next_heartbeat()
    {
        await mesh.Register("a", Sample.Ocr);
        var newer = await mesh.Register("a", Sample.Ocr);
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        mesh.Store.Poke(WorkerId.Parse("a"), newer.Record with { Incarnation = 1 });
        var watcher = await mesh.Watch(Sample.Ocr);
        Assert.Equal(1, watcher["a"]!.Incarnation);

        await mesh.Worker("a").Heartbeat(new());

        await mesh.Soon(watcher, "incarnation 2", w => w["a"]!.Incarnation == 2);
    }

    [Fact]
    public async Task A_registry_reads_the_store_once_for_all_who_wait_for_it()
    {
        mesh.Store.Poke(WorkerId.Parse("a"), Sample.Record("a", 1, Sample.Ocr));
        List<Task<bool>> asked;
        using (var hold = mesh.Store.Hold(StoreOperation.ReadPage))
        {
            var registry = mesh.Registry(Sample.Ocr);
            asked = [.. Enumerable.Range(0, 20).Select(_ => registry.IsSuspected(WorkerId.Parse("a"), 1))];
            await hold.Entered;
            // By then they have come to the silos.
            await mesh.Worker("b").Heartbeat(new());
        }

        Assert.All(await Task.WhenAll(asked), Assert.False);
        Assert.Equal(1, mesh.Store.Calls(StoreOperation.ReadPage));
    }

    [Fact]
    public async Task A_registry_that_nobody_ever_joined_leaves_memory_a_minute_after_it_was_asked_last()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("b", Sample.Echo);
        await mesh.Worker("b").Unregister(null);
        await mesh.Registry(Sample.Ner).Changes(null);
        await mesh.Advance(TimeSpan.FromSeconds(40), Step);
        await mesh.Registry(Sample.Ner).Changes(null);
        await mesh.Advance(TimeSpan.FromSeconds(40), Step);
        Assert.Contains(Sample.Ner.Value, (await mesh.HomesOf(mesh.Registry(Sample.Ner))).Keys);

        await mesh.Advance(TimeSpan.FromSeconds(30), Step);
        var left = await mesh.Eventually(
            () => mesh.HomesOf(mesh.Registry(Sample.Ner)), homes => !homes.ContainsKey(Sample.Ner.Value), "it has left");

        // What they have held is still of use.
        Assert.Equal([Sample.Echo.Value, Sample.Ocr.Value], left.Keys);
        await mesh.Register("c", Sample.Ner);
        Assert.Equal(["c"], (await mesh.List(Sample.Ner)).Changes.Select(c => c.Id.Value));
    }

    [Fact]
    public async Task A_worker_that_is_removed_leaves_memory_soon_unless_it_is_registered_again()
    {
        await mesh.Register("stays", Sample.Ocr);
        await mesh.Register("goes", Sample.Ocr);
        await mesh.Worker("stays").Unregister(null);
        await mesh.Worker("goes").Unregister(null);
        await mesh.Register("stays", Sample.Ocr);
        Assert.Equal(["goes", "stays"], (await mesh.HomesOf(mesh.Worker("any"))).Keys);

        await mesh.Advance(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(1));

        await mesh.Eventually(
            () => mesh.HomesOf(mesh.Worker("any")), homes => !homes.ContainsKey("goes"), "the one that was removed has left");
        Assert.Equal(["stays"], (await mesh.HomesOf(mesh.Worker("any"))).Keys);
        Assert.Equal(3, (await mesh.Register("goes", Sample.Ocr)).Record.Incarnation);
    }

    [Fact]
    public async Task A_worker_that_there_never_was_leaves_memory_with_the_answer_and_can_be_registered_then()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("b", Sample.Ocr);
        await mesh.Worker("b").Unregister(null);
        foreach (var (id, ask) in new (string, Func<IWorkerGrain, Task>)[]
        {
            ("asked", w => w.Describe()),
            ("beats", w => w.Heartbeat(new())),
            ("drains", w => w.SetDraining(true, null)),
            ("goes", w => w.Unregister(null)),
            ("judged", w => w.Judge(new("gateway", 1, Reached: false))),
        })
        {
            await ask(mesh.Worker(id));
            await mesh.Eventually(
                () => mesh.HomesOf(mesh.Worker(id)), homes => !homes.ContainsKey(id), $"the one that is {id} has left");
            Assert.Equal(RegisterOutcome.Created, (await mesh.Register(id, Sample.Ocr)).Outcome);
            Assert.NotNull(await mesh.Worker(id).Describe());
        }

        // It knows which calls came before its end.
        Assert.Equal(
            ["a", "asked", "b", "beats", "drains", "goes", "judged"], (await mesh.HomesOf(mesh.Worker("any"))).Keys);
    }
}
