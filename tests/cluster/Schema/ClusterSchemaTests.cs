using Npgsql;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;
using WorkerMesh.Silo.Schema;
using WorkerMesh.Tests.Cluster.Postgres;
using WorkerMesh.Tests.Cluster.Storage;

namespace WorkerMesh.Tests.Cluster.Schema;

public sealed class ClusterSchemaTests(SharedPostgres postgres) : IAsyncLifetime
{
    private NpgsqlDataSource _database = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _database = NpgsqlDataSource.Create(await (await postgres.StartAsync()).CreateDatabaseAsync(Cancel));

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Six_silos_that_start_at_once_create_it_once_and_later_ones_leave_it_alone()
    {
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => ClusterSchema.EnsureAsync(_database, Cancel)));
        Assert.Equal("membership 2, workers 1", await VersionsAsync());
        await using var store = new PostgresWorkerStore(_database, TimeProvider.System);
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));

        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => ClusterSchema.EnsureAsync(_database, Cancel)));
        await store.InitializeAsync(Cancel);

        Assert.Equal(["a"], await store.IdsAsync());
        Assert.Equal("membership 2, workers 1", await VersionsAsync());
        Assert.Equal(10L, await ScalarAsync("SELECT count(*) FROM OrleansQuery"));
    }

    [Fact]
    public async Task The_store_alone_brings_only_its_own_tables_and_the_cluster_adds_the_rest()
    {
        await using var store = new PostgresWorkerStore(_database, TimeProvider.System);
        await store.InitializeAsync(Cancel);
        Assert.Equal("workers 1", await VersionsAsync());

        await ClusterSchema.EnsureAsync(_database, Cancel);

        Assert.Equal("membership 2, workers 1", await VersionsAsync());
    }

    [Theory]
    [InlineData("workers")]
    [InlineData("membership")]
    public async Task A_newer_schema_is_refused_with_what_to_do_and_left_alone(string part)
    {
        await ClusterSchema.EnsureAsync(_database, Cancel);
        await ExecuteAsync($"UPDATE mesh_schema SET version = 99 WHERE part = '{part}'");

        var e = await Assert.ThrowsAsync<StoreUnusableException>(
            () => ClusterSchema.EnsureAsync(_database, Cancel));

        Assert.Contains("version 99", e.Message, StringComparison.Ordinal);
        Assert.Contains("Upgrade the silo", e.Message, StringComparison.Ordinal);
        Assert.Contains($"{part} 99", await VersionsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_migration_that_fails_leaves_nothing_behind()
    {
        await ExecuteAsync("CREATE TABLE OrleansQuery (QueryKey text, QueryText text)");

        var e = await Assert.ThrowsAsync<StoreUnusableException>(
            () => ClusterSchema.EnsureAsync(_database, Cancel));

        Assert.Contains("orleansquery", e.Message, StringComparison.Ordinal);
        Assert.Contains("a database of its own", e.Message, StringComparison.Ordinal);
        Assert.Equal(DBNull.Value, await ScalarAsync("SELECT to_regclass('mesh_worker')::text"));
        Assert.Equal(DBNull.Value, await ScalarAsync("SELECT to_regclass('mesh_schema')::text"));
    }

    [Fact]
    public async Task A_user_who_may_not_create_tables_can_use_a_schema_that_is_up_to_date()
    {
        await ExecuteAsync("CREATE ROLE modest_silo LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = "modest_silo" };
        await using var modest = NpgsqlDataSource.Create(settings);

        var e = await Assert.ThrowsAsync<StoreUnusableException>(() => ClusterSchema.EnsureAsync(modest, Cancel));
        Assert.Contains("Grant it CREATE", e.Message, StringComparison.Ordinal);

        await ClusterSchema.EnsureAsync(_database, Cancel);
        await ExecuteAsync("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO modest_silo");
        await ClusterSchema.EnsureAsync(modest, Cancel);
        await using var store = new PostgresWorkerStore(modest, TimeProvider.System);
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));
    }

    private async Task<string> VersionsAsync() => (string)(await ScalarAsync(
        "SELECT string_agg(part || ' ' || version, ', ' ORDER BY part) FROM mesh_schema"))!;

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Cancel);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
