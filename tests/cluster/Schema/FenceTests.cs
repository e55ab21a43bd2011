using System.Net;
using Npgsql;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;
using WorkerMesh.Silo.Schema;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.Cluster.Schema;

/// <summary>A silo that the others have declared dead writes nothing any more, whatever it still believes.</summary>
public sealed class FenceTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly SiloAddress Silo = SiloAddress.New(IPAddress.Loopback, 11111, 7);

    private NpgsqlDataSource _database = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = NpgsqlDataSource.Create(await (await postgres.StartAsync()).CreateDatabaseAsync(Cancel));
        await ClusterSchema.EnsureAsync(_database, Cancel);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Every_write_of_a_silo_that_is_declared_dead_fails_and_its_reads_go_on()
    {
        await SetMemberAsync(status: 3);
        await using var store = StoreOf(Silo);
        var record = Storage.Sample.Record("a");
        Assert.True(await store.SaveAsync(record, Cancel));
        Assert.True(await store.SetDrainingAsync(record.Id, 1, false, Cancel));

        await SetMemberAsync(status: 6);
        await Assert.ThrowsAsync<StaleOwnerException>(() => store.SaveAsync(Storage.Sample.Record("a", 2), Cancel));
        await Assert.ThrowsAsync<StaleOwnerException>(() => store.SetDrainingAsync(record.Id, 1, true, Cancel));
        await Assert.ThrowsAsync<StaleOwnerException>(() => store.RemoveAsync(record.Id, 1, Cancel));
        Storage.Sample.AssertSame(record, (await store.ReadAsync(record.Id, Cancel)).Record);
    }

    [Fact]
    public async Task A_successor_at_the_same_address_writes_and_one_that_was_never_a_member_does_not()
    {
        await SetMemberAsync(status: 3);
        await using var stranger = StoreOf(SiloAddress.New(IPAddress.Loopback, 11111, 8));
        await Assert.ThrowsAsync<StaleOwnerException>(() => stranger.SaveAsync(Storage.Sample.Record("a"), Cancel));
        await using var store = StoreOf(Silo);
        Assert.True(await store.SaveAsync(Storage.Sample.Record("a"), Cancel));
    }

    private PostgresWorkerStore StoreOf(SiloAddress silo) =>
        new(_database, TimeProvider.System, TimeSpan.FromSeconds(30), ClusterSchema.Fence("test", silo));

    private async Task SetMemberAsync(int status)
    {
        await using var command = _database.CreateCommand(
            $"""
            INSERT INTO mesh_membership (deployment_id, address, port, generation, silo_name, host_name, status, proxy_port,
                start_time, i_am_alive_time)
            VALUES ('test', '127.0.0.1', 11111, 7, 's', 'h', {status}, 1, now(), now())
            ON CONFLICT (deployment_id, address, port, generation) DO UPDATE SET status = excluded.status
            """);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
