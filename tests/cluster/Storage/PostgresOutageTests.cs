using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>The store while PostgreSQL is killed, down, or hung.</summary>
public sealed class PostgresOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    // A call may take the time-out and a second; the rest is for a machine that is busy.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private PostgresServer _server = null!;
    private NpgsqlDataSource _database = null!;
    private PostgresWorkerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.CreateAsync(Cancel);
        _database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(await _server.CreateDatabaseAsync(Cancel))
        {
            MaxPoolSize = 50,
            // As silos have it. Otherwise the driver does not try to cancel a statement before its connection was reset.
            NoResetOnClose = true,
        });
        _store = new PostgresWorkerStore(_database, TimeProvider.System, Timeout);
        await _store.InitializeAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_was_restarted_meanwhile_is_used_at_once()
    {
        var clock = new FakeTimeProvider();
        await using var store = new PostgresWorkerStore(_database, clock, Timeout);
        await _database.FillPoolAsync(4);
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));
        Assert.NotNull((await store.ReadAsync(Sample.Record("a").Id, Cancel)).Record);

        await _server.KillAsync(Cancel);
        await _server.StartAsync(Cancel);
        clock.Advance(2 * Timeout);

        Assert.True(await store.SaveAsync(Sample.Record("a", 2), Cancel));
        Assert.Equal(2, (await store.ReadAsync(Sample.Record("a").Id, Cancel)).Record?.Incarnation);
    }

    [Fact]
    public async Task Lists_of_a_server_that_was_restarted_meanwhile_are_read_at_once()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("a"), Cancel));
        for (var i = 0; i < 2; i++)
        {
            await _database.FillPoolAsync(4);
            await _server.KillAsync(Cancel);
            await _server.StartAsync(Cancel);

            Assert.NotEmpty(i == 0
                ? await _store.ReadServiceTypesAsync(Cancel)
                : (IReadOnlyList<object>)await _store.ReadPageAsync(new(10), Cancel));
        }
    }

    [Fact]
    public async Task What_was_acknowledged_survives_the_kill_of_every_process_of_the_server()
    {
        var acknowledged = new ConcurrentDictionary<string, long>();
        var enough = new TaskCompletionSource();
        var count = 0;
        var writers = Enumerable.Range(0, 32).Select(async writer =>
        {
            try
            {
                for (var i = 1; ; i++)
                {
                    var record = Sample.Record($"w{writer}-{i % 10}", i);
                    Assert.True(await _store.SaveAsync(record, Cancel));
                    acknowledged[record.Id.Value] = i;
                    if (Interlocked.Increment(ref count) == 2000)
                    {
                        enough.SetResult();
                    }
                }
            }
            catch (StoreUnavailableException)
            {
                // The end of the server.
            }
        }).ToArray();

        await enough.Task.WaitAsync(Cancel);
        await _server.KillAsync(Cancel);
        await Task.WhenAll(writers);
        await _server.StartAsync(Cancel);

        await using var store = new PostgresWorkerStore(_database, TimeProvider.System, TimeSpan.FromSeconds(30));
        foreach (var (id, incarnation) in acknowledged)
        {
            var stored = await store.ReadAsync(WorkerId.Parse(id), Cancel);
            Assert.InRange(stored.Record?.Incarnation ?? 0, incarnation, long.MaxValue);
        }
    }

    [Fact]
    public async Task While_the_server_is_down_every_operation_fails_in_time_and_after_it_all_work()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("a"), Cancel));
        await _server.KillAsync(Cancel);

        foreach (var operation in Operations(_store))
        {
            await FailsInTimeAsync(operation);
        }

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.InitializeAsync(Cancel));
        Assert.IsAssignableFrom<NpgsqlException>(e.InnerException);

        await _server.StartAsync(Cancel);
        await WorksAsync();
    }

    [Fact]
    public async Task A_restart_that_breaks_every_pooled_connection_costs_one_failure_at_most()
    {
        await using var store = new PostgresWorkerStore(_database, TimeProvider.System, TimeSpan.FromSeconds(30));
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));
        await _database.FillPoolAsync(10);
        await _server.KillAsync(Cancel);
        await _server.StartAsync(Cancel);

        var failures = 0;
        for (var i = 0; i < 20; i++)
        {
            failures += await SucceedsAsync(() => store.ReadAsync(WorkerId.Parse("a"), Cancel)) ? 0 : 1;
        }

        Assert.InRange(failures, 0, 1);
        await WorksAsync();
    }

    [Fact]
    public async Task Pooled_connections_that_fell_silent_cost_one_failure_and_not_one_each()
    {
        await using var relay = new TcpRelay(_server.Port);
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Port = relay.Port };
        await using var database = NpgsqlDataSource.Create(settings);
        await using var store = new PostgresWorkerStore(database, TimeProvider.System, 2 * Timeout);
        await database.FillPoolAsync(10);

        relay.SilenceExistingConnections();
        var record = Sample.Record("a");
        await FailsInTimeAsync(() => store.SaveAsync(record, Cancel));

        // The attempt before ends up to a quarter of a second after its call; one made meanwhile may have to wait for that.
        for (var i = 0; i < 10; i++)
        {
            Assert.True(await store.SaveAsync(record, Cancel));
            Assert.Equal(1, (await store.ReadAsync(record.Id, Cancel)).Record?.Incarnation);
        }
    }

    [Fact]
    public async Task While_the_server_hangs_every_operation_ends_in_time_and_after_it_all_work()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("a"), Cancel));
        await _server.FreezeAsync(Cancel);

        await Task.WhenAll(Operations(_store).Select(FailsInTimeAsync));
        // Now the operations before are given up but not over, and connections have to be opened, which hangs too.
        for (var i = 0; i < 3; i++)
        {
            await Task.WhenAll(Operations(_store).Select(FailsInTimeAsync));
        }

        await _server.ThawAsync(Cancel);
        await WorksAsync();
    }

    [Fact]
    public async Task While_the_server_hangs_statements_hold_no_threads_that_others_need()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("a"), Cancel));
        await _database.FillPoolAsync(40);
        // As many statements as have connections. Each of the driver's attempts to cancel one takes seconds. With threads of
        // the pool, they would be in each other's way.
        var stores = Enumerable.Range(0, 10).Select(_ => new PostgresWorkerStore(_database, TimeProvider.System, Timeout)).ToList();
        await _server.FreezeAsync(Cancel);

        await Task.WhenAll(stores.SelectMany(store => Operations(store)).Select(FailsInTimeAsync));

        await _server.ThawAsync(Cancel);
        await WorksAsync();
        await Task.WhenAll(stores.Select(store => store.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_let_go_while_the_server_hangs()
    {
        await using var patient = new PostgresWorkerStore(_database, TimeProvider.System, TimeSpan.FromMinutes(5));
        await _server.FreezeAsync(Cancel);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var operations = Operations(patient, giveUp.Token).Select(operation => operation()).ToArray();

        await giveUp.CancelAsync();

        foreach (var operation in operations)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => operation);
        }

        await _server.ThawAsync(Cancel);
    }

    private static IEnumerable<Func<Task>> Operations(
        PostgresWorkerStore store, CancellationToken? cancellationToken = null)
    {
        var token = cancellationToken ?? Cancel;
        return
        [
            () => store.SaveAsync(Sample.Record("b"), token),
            () => store.SetDrainingAsync(WorkerId.Parse("a"), 1, true, token),
            () => store.RemoveAsync(WorkerId.Parse("none"), 1, token),
            () => store.ReadAsync(WorkerId.Parse("a"), token),
            () => store.ReadPageAsync(new WorkerPage(10), token),
            () => store.ReadServiceTypesAsync(token),
        ];
    }

    private static async Task FailsInTimeAsync(Func<Task> operation)
    {
        var watch = Stopwatch.StartNew();
        await Assert.ThrowsAsync<StoreUnavailableException>(operation);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Patience);
    }

    /// <summary>All operations succeed again, after a few failures at most, while the server catches up.</summary>
    private async Task WorksAsync()
    {
        var failures = 0;
        foreach (var operation in Operations(_store))
        {
            while (!await SucceedsAsync(operation))
            {
                Assert.InRange(++failures, 0, 5);
            }
        }

        Assert.Equal(["a", "b"], await _store.IdsAsync("echo"));
    }

    private static async Task<bool> SucceedsAsync(Func<Task> operation)
    {
        try
        {
            await operation();
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }
}
