using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Registrations without the worker's grain, where there never is another silo.</summary>
public sealed class DirectRegistrationsTests : IAsyncLifetime
{
    private static readonly WorkerId A = WorkerId.Parse("a");
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start(silos: 1, alone: true);

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_worker_is_registered_and_registered_again_without_its_grain()
    {
        var first = await Try(Sample.Ocr, Sample.Echo);
        var reads = mesh.Store.Calls(StoreOperation.Read);
        var second = await Try(Sample.Ocr, Sample.Echo);
        var other = await mesh.Direct.TryRegister(
            WorkerId.Parse("b"), Sample.Registration("b", Sample.Ocr), Guid.NewGuid(), null);

        Assert.Equal((RegisterOutcome.Created, 1L), (first!.Outcome, first.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Replaced, 2L), (second!.Outcome, second.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Created, 1L), (other!.Outcome, other.Record.Incarnation));
        Assert.Equal([Sample.Ocr, Sample.Echo], second.Versions.Select(v => v.ServiceType));
        Assert.Equal(reads, mesh.Store.Calls(StoreOperation.Read));
        Assert.Equal(0, await mesh.CountWorkerGrains());
        var answer = mesh.Live.TryRenew(A, new() { Incarnation = 2 });
        Assert.Equal(2, answer!.Incarnation);
        Assert.Equal([1L, 2L], (await mesh.List(Sample.Ocr)).Changes.Select(c => c.Incarnation).Order());
        Assert.Equal((2L, 1L), await Described());
    }

    [Fact]
    public async Task Where_more_is_to_be_done_the_grain_has_to()
    {
        Assert.NotNull(await Try(Sample.Ocr, Sample.Echo));

        Assert.Null(await Try(Sample.Ocr));
        var checkedOne = Sample.Registration("b", Sample.Ocr) with { Health = new() { Path = "/health" } };
        Assert.Null(await mesh.Direct.TryRegister(WorkerId.Parse("b"), checkedOne, Guid.NewGuid(), null));
        await mesh.Worker("b").Register(checkedOne, Guid.NewGuid(), null);
        Assert.Null(await mesh.Direct.TryRegister(
            WorkerId.Parse("b"), Sample.Registration("b", Sample.Ocr), Guid.NewGuid(), null));

        Assert.Equal(1, mesh.Store.Peek(A)!.Incarnation);
        Assert.Equal(2, (await mesh.Register("a", Sample.Ocr)).Record.Incarnation);
        Assert.Empty((await mesh.List(Sample.Echo)).Changes);
    }

    [Fact]
    public async Task A_worker_that_was_stored_before_is_replaced_or_the_newer_one_named()
    {
        var stored = Sample.Record("a", 7, Sample.Ocr);
        mesh.Store.Poke(A, stored);

        var refused = await mesh.Direct.TryRegister(A, Sample.Registration("a", Sample.Ocr), Guid.NewGuid(), 6);
        var answer = await Try(Sample.Ocr);

        Assert.Equal((RegisterOutcome.Superseded, 7L), (refused!.Outcome, refused.Record.Incarnation));
        Assert.Equal((RegisterOutcome.Replaced, 8L), (answer!.Outcome, answer.Record.Incarnation));
    }

    [Fact]
    public async Task Until_it_is_stored_the_record_of_before_is_in_force_and_changes_wait()
    {
        await Try(Sample.Ocr);
        Task<RegisterAnswer?> registering, draining;
        using (var hold = mesh.Store.Hold(StoreOperation.Save))
        {
            registering = Try(Sample.Ocr);
            await hold.Entered;

            Assert.Equal(1, mesh.Live.TryRenew(A, new())!.Incarnation);
            Assert.Null(await Try(Sample.Ocr));
            draining = mesh.Worker("a").SetDraining(true);
            // By then the drain has come to the silo too.
            Assert.Null(await mesh.Worker("b").Describe());
            Assert.False(draining.IsCompleted);
        }

        Assert.Equal(2, (await registering)!.Record.Incarnation);
        Assert.Equal((2L, true), ((await draining)!.Record.Incarnation, mesh.Store.Peek(A)!.Draining));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failure_of_the_store_changes_nothing_and_the_next_call_finds_what_is_so(bool isStored)
    {
        var operation = Guid.NewGuid();
        if (isStored)
        {
            mesh.Store.LoseNextAnswer(StoreOperation.Save);
        }
        else
        {
            mesh.Store.Unavailable = true;
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => Try(operation, Sample.Ocr));
        mesh.Store.Unavailable = false;
        // The grain finds out about the first call, perhaps already.
        var again = await Try(operation, Sample.Ocr)
            ?? await mesh.Worker("a").Register(Sample.Registration("a", Sample.Ocr), operation, null);

        Assert.Equal((RegisterOutcome.Created, 1L), (again.Outcome, again.Record.Incarnation));
        Assert.Single((await mesh.List(Sample.Ocr)).Changes);
    }

    [Fact]
    public async Task After_removals_a_new_worker_starts_above_them()
    {
        await Try(Sample.Ocr);
        await mesh.Worker("a").Unregister();
        await mesh.Deactivate(mesh.Worker("a"));

        Assert.Equal(2, (await Try(Sample.Ocr))!.Record.Incarnation);
        Assert.Equal(2, (await mesh.Direct.TryRegister(
            WorkerId.Parse("b"), Sample.Registration("b", Sample.Ocr), Guid.NewGuid(), null))!.Record.Incarnation);
    }

    [Fact]
    public async Task A_registry_that_could_not_be_told_is_told_when_it_can()
    {
        await Try(Sample.Ocr);
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        mesh.Store.Failing = StoreOperation.ReadPage;
        Assert.Empty((await Try(Sample.Ocr))!.Versions);
        mesh.Store.Failing = null;
        var before = mesh.Store.Calls(StoreOperation.ReadPage);

        await mesh.Eventually(
            () => Task.FromResult(mesh.Store.Calls(StoreOperation.ReadPage)), calls => calls > before, "the registry reads the store");
        Assert.Equal(2, Assert.Single((await mesh.List(Sample.Ocr)).Changes).Incarnation);
    }

    [Fact]
    public async Task Beside_grains_that_change_the_same_workers_nothing_is_lost()
    {
        const int workers = 4;
        var given = new System.Collections.Concurrent.ConcurrentBag<(string Id, long Incarnation)>();
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async caller =>
        {
            var random = new Random(caller);
            for (var i = 0; i < 60; i++)
            {
                var id = $"w{random.Next(workers)}";
                switch (random.Next(8))
                {
                    case 0:
                        await Insist(() => mesh.Worker(id).Unregister());
                        break;
                    case 1:
                        await Insist(() => mesh.Worker(id).SetDraining(random.Next(2) == 0));
                        break;
                    case 2:
                        await Insist(() => mesh.Worker(id).Heartbeat(new() { Degraded = random.Next(2) == 0 }));
                        break;
                    default:
                        var (registration, operation) = (Sample.Registration(id, Sample.Ocr), Guid.NewGuid());
                        var answer = await mesh.Direct.TryRegister(WorkerId.Parse(id), registration, operation, null)
                            ?? await Insist(() => mesh.Worker(id).Register(registration, operation, null));
                        given.Add((id, answer.Record.Incarnation));
                        break;
                }
            }
        }));

        Assert.Equal(given.Count, given.Distinct().Count());
        for (var i = 0; i < workers; i++)
        {
            var id = $"w{i}";
            await Insist(() => mesh.Register(id, Sample.Ocr));
            var last = mesh.Store.Peek(WorkerId.Parse(id))!;
            Assert.True(last.Incarnation > given.Where(g => g.Id == id).Max(g => g.Incarnation));
            Assert.Equal(last.Incarnation, (await mesh.Worker(id).Describe())!.Record.Incarnation);
            Assert.Equal(last.Incarnation, (await mesh.List(Sample.Ocr)).Changes.Single(c => c.Id == last.Id).Incarnation);
        }
    }

    /// <summary>As gateways do where a grain leaves memory just then.</summary>
    private static async Task<T> Insist<T>(Func<Task<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (OrleansMessageRejectionException)
            {
                await Task.Yield();
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_stored_though_the_caller_was_refused_is_found_out_though_nobody_repeats_it(bool isNew)
    {
        await mesh.Direct.TryRegister(WorkerId.Parse("b"), Sample.Registration("b", Sample.Ocr), Guid.NewGuid(), null);
        if (!isNew)
        {
            await Try(Sample.Ocr);
        }

        mesh.Store.LoseNextAnswer(isNew ? StoreOperation.Add : StoreOperation.Save);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Try(Sample.Ocr));
        Assert.Equal(isNew ? 1 : 2, (await mesh.List(Sample.Ocr)).Changes.Length);

        var incarnation = isNew ? 1 : 2;
        await mesh.Eventually(
            () => mesh.List(Sample.Ocr), list => list.Changes.Any(c => c.Id == A && c.Incarnation == incarnation), "what is stored");
        Assert.Equal(incarnation, (await mesh.Worker("a").Heartbeat(new())).Incarnation);
    }

    private Task<RegisterAnswer?> Try(params ServiceType[] services) => Try(Guid.NewGuid(), services);

    private Task<RegisterAnswer?> Try(Guid operation, params ServiceType[] services) =>
        mesh.Direct.TryRegister(A, Sample.Registration("a", services), operation, null);

    private async Task<(long Incarnation, long Heartbeats)> Described()
    {
        var described = (await mesh.Worker("a").Describe())!;
        return (described.Record.Incarnation, described.Counters.Heartbeats);
    }
}
