using Microsoft.Extensions.Time.Testing;
using Npgsql;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>How many of the server's connections, and processes, a store has.</summary>
public sealed class PostgresConnectionTests(SharedPostgres postgres) : IAsyncLifetime
{
    private const string Writing = "query LIKE '%INSERT INTO mesh_worker%'";

    private string _settings = null!;
    private NpgsqlDataSource _database = null!;
    private PostgresWorkerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _settings = await (await postgres.StartAsync()).CreateDatabaseAsync(Cancel);
        _database = NpgsqlDataSource.Create(_settings);
        _store = new PostgresWorkerStore(_database, TimeProvider.System, TimeSpan.FromSeconds(30));
        await _store.InitializeAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task All_at_once_takes_a_handful()
    {
        var calls = Enumerable.Range(0, 200).SelectMany<int, Task>(i =>
        [
            _store.SaveAsync(Sample.Record($"w{i}"), Cancel),
            _store.ReadAsync(Sample.Record($"w{i}").Id, Cancel),
            _store.ReadPageAsync(new(10), Cancel),
            _store.ReadServiceTypesAsync(Cancel),
        ]);

        await Task.WhenAll(calls);

        Assert.InRange(await CountAsync("true"), 2, 6);
    }

    [Fact]
    public async Task Writes_share_one_and_so_do_reads()
    {
        await _database.FillPoolAsync(8);
        for (var i = 1; i <= 20; i++)
        {
            Assert.True(await _store.SaveAsync(Sample.Record("a", i), Cancel));
            Assert.Equal(i, (await _store.ReadAsync(Sample.Record("a").Id, Cancel)).Record?.Incarnation);
        }

        Assert.Equal(1, await CountAsync(Writing));
        Assert.Equal(1, await CountAsync("query LIKE '%FROM mesh_incarnation_floor AS f LEFT JOIN%'"));
    }

    [Fact]
    public async Task A_list_that_waits_too_long_for_others_fails_alone()
    {
        var clock = new FakeTimeProvider();
        var time = TimeSpan.FromSeconds(10);
        await using var store = new PostgresWorkerStore(_database, clock, time);
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));
        var writing = await ProcessesAsync(Writing);
        Assert.Single(writing);
        await using var first = await LockAsync();
        var lists = Enumerable.Range(0, 9).Select(_ => store.ReadPageAsync(new(10), Cancel)).ToList();
        await WaitingAsync(4);
        // Behind the lists that wait for the first, and before those that come after them.
        var second = LockAsync();
        await WaitingAsync(5);

        clock.Advance(0.6 * time);
        await first.DisposeAsync();
        await Task.WhenAll(lists.Take(4));
        await using (await second)
        {
            await WaitingAsync(4);
            clock.Advance(0.6 * time);
            var failure = await Assert.ThrowsAsync<StoreUnavailableException>(() => lists[8]);
            Assert.True(failure.NotBegun);
        }

        Assert.All(await Task.WhenAll(lists.Take(8)), page => Assert.Single(page));
        Assert.True(await store.SaveAsync(Sample.Record("a", 2), Cancel));
        Assert.Equal(writing, await ProcessesAsync(Writing));
        Assert.Single(await store.ReadPageAsync(new(10), Cancel));
    }

    [Fact]
    public async Task None_stays_open_behind_a_store_that_is_closed()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("a"), Cancel));
        _ = await _store.ReadAsync(Sample.Record("a").Id, Cancel);

        await _store.DisposeAsync();
        await _database.DisposeAsync();

        // Refused by the server after 5 s where anybody still has one.
        var name = new NpgsqlConnectionStringBuilder(_settings).Database;
        await using var connection = await OpenAsync("postgres");
        await using var drop = new NpgsqlCommand($"DROP DATABASE \"{name}\"", connection);
        await drop.ExecuteNonQueryAsync(Cancel);
    }

    /// <summary>How many connections to the store's database, but this one, there are of which that is true.</summary>
    private async Task<int> CountAsync(string condition) => (await ProcessesAsync(condition)).Length;

    /// <summary>The server's processes of those connections.</summary>
    private async Task<int[]> ProcessesAsync(string condition)
    {
        await using var connection = await OpenAsync();
        await using var processes = new NpgsqlCommand(
            $"SELECT ARRAY(SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition})",
            connection);
        return (int[])(await processes.ExecuteScalarAsync(Cancel))!;
    }

    /// <summary>Lets nobody read workers until it is disposed.</summary>
    private async Task<NpgsqlConnection> LockAsync()
    {
        var connection = await OpenAsync();
        await using var command = new NpgsqlCommand("BEGIN; LOCK TABLE mesh_worker", connection);
        await command.ExecuteNonQueryAsync(Cancel);
        return connection;
    }

    /// <summary>Waits until so many wait for a lock, which the server tells nobody by itself.</summary>
    private async Task WaitingAsync(int count)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        while (await CountAsync("wait_event_type = 'Lock'") != count)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, patience.Token);
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(string? name = null)
    {
        var settings = new NpgsqlConnectionStringBuilder(_settings) { Pooling = false };
        settings.Database = name ?? settings.Database;
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync(Cancel);
        return connection;
    }
}
