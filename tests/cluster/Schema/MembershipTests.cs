using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans.Configuration;
using Orleans.Messaging;
using WorkerMesh.Silo.Schema;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.Cluster.Schema;

/// <summary>The membership table through the clustering provider that will use it.</summary>
public sealed class MembershipTests(SharedPostgres postgres) : IAsyncLifetime
{
    private const string Cluster = "test";

    private readonly List<IHost> _hosts = [];
    private NpgsqlDataSource _database = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = NpgsqlDataSource.Create(await (await postgres.StartAsync()).CreateDatabaseAsync(Cancel));
        await ClusterSchema.EnsureAsync(_database, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        _hosts.ForEach(host => host.Dispose());
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_silo_becomes_active_and_ends_dead_when_it_is_stopped()
    {
        var host = Silo();
        await host.StartAsync(Cancel);
        Assert.Equal((int)SiloStatus.Active, await ScalarAsync("SELECT status FROM mesh_membership"));

        await host.StopAsync(Cancel);

        Assert.Equal((int)SiloStatus.Dead, await ScalarAsync("SELECT status FROM mesh_membership"));
    }

    [Fact]
    public async Task Rows_are_changed_only_by_those_who_have_seen_the_latest_version()
    {
        var table = await TableAsync();
        var empty = await table.ReadAllAsync(Cancel);
        Assert.Empty(empty.Members);
        var first = Entry(11111);
        Assert.True(await table.InsertRowAsync(first, empty.Version.Next(), Cancel));

        Assert.False(await table.InsertRowAsync(Entry(22222), empty.Version.Next(), Cancel));
        var one = await table.ReadAllAsync(Cancel);
        Assert.Equal(empty.Version.Version + 1, one.Version.Version);
        Assert.False(await table.InsertRowAsync(first, one.Version.Next(), Cancel));
        Assert.Equal(one.Version.Version, (await table.ReadAllAsync(Cancel)).Version.Version);

        var (read, etag) = Assert.Single(one.Members);
        Assert.Equal(first.ToFullString(), read.ToFullString());
        read.Status = SiloStatus.Active;
        read.AddSuspector(first.SiloAddress, new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        Assert.True(await table.UpdateRowAsync(read, etag, one.Version.Next(), Cancel));
        Assert.False(await table.UpdateRowAsync(read, etag, one.Version.Next(), Cancel));

        var two = await table.ReadRowAsync(first.SiloAddress, Cancel);
        Assert.Equal(read.ToFullString(), Assert.Single(two.Members).Item1.ToFullString());
        Assert.False(await table.UpdateRowAsync(Entry(22222), two.Version.VersionEtag, two.Version.Next(), Cancel));
        var none = await table.ReadRowAsync(Entry(22222).SiloAddress, Cancel);
        Assert.Empty(none.Members);
        Assert.Equal(one.Version.Version + 1, none.Version.Version);
    }

    [Fact]
    public async Task Concurrent_changes_from_one_version_let_one_through()
    {
        var table = await TableAsync();
        var version = (await table.ReadAllAsync(Cancel)).Version.Next();

        var inserted = await Task.WhenAll(
            Enumerable.Range(1, 8).Select(i => table.InsertRowAsync(Entry(i), version, Cancel)));

        Assert.Single(inserted, true);
        Assert.Single((await table.ReadAllAsync(Cancel)).Members);
    }

    [Fact]
    public async Task A_sign_of_life_is_written_without_a_new_version()
    {
        var table = await TableAsync();
        var entry = Entry(11111);
        await table.InsertRowAsync(entry, (await table.ReadAllAsync(Cancel)).Version.Next(), Cancel);
        var before = await table.ReadAllAsync(Cancel);

        entry.IAmAliveTime = entry.IAmAliveTime.AddMinutes(1);
        await table.UpdateIAmAliveAsync(entry, Cancel);

        var after = await table.ReadAllAsync(Cancel);
        Assert.Equal(entry.IAmAliveTime, Assert.Single(after.Members).Item1.IAmAliveTime);
        Assert.Equal(before.Version.Version, after.Version.Version);
    }

    [Fact]
    public async Task Only_dead_silos_from_before_the_date_are_cleaned_up()
    {
        var table = await TableAsync();
        MembershipEntry[] entries =
            [Entry(1, SiloStatus.Dead), Entry(2), Entry(3, SiloStatus.Dead), Entry(4, SiloStatus.Dead)];
        entries[2].IAmAliveTime = entries[2].IAmAliveTime.AddDays(10);
        foreach (var entry in entries)
        {
            var version = (await table.ReadAllAsync(Cancel)).Version.Next();
            Assert.True(await table.InsertRowAsync(entry, version, Cancel));
        }

        var all = await table.ReadAllAsync(Cancel);
        var suspected = entries[3];
        suspected.AddSuspector(entries[1].SiloAddress, suspected.StartTime);
        Assert.True(await table.UpdateRowAsync(suspected, all.Version.VersionEtag, all.Version.Next(), Cancel));

        await table.CleanupDefunctSiloEntriesAsync(entries[0].StartTime.AddDays(5), Cancel);

        var left = (await table.ReadAllAsync(Cancel)).Members.Select(member => member.Item1.SiloAddress.Endpoint.Port);
        Assert.Equal([2, 3], left.Order());
    }

    [Fact]
    public async Task Clients_find_the_gateways_of_active_silos_only()
    {
        var table = await TableAsync();
        foreach (var entry in (MembershipEntry[])[Entry(1, SiloStatus.Active), Entry(2, SiloStatus.Joining)])
        {
            await table.InsertRowAsync(entry, (await table.ReadAllAsync(Cancel)).Version.Next(), Cancel);
        }

        using var client = new HostBuilder().UseOrleansClient(builder => builder
            .Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (Cluster, Cluster))
            .UseAdoNetClustering(options => (options.Invariant, options.DataSource) = ("Npgsql", _database))).Build();
        var list = client.Services.GetRequiredService<IGatewayListProvider>();
        await list.InitializeGatewayListProvider();

        var gateway = Assert.Single(await list.GetGateways());
        Assert.Equal(30001, gateway.Port);
    }

    private async Task<IMembershipTable> TableAsync()
    {
        var table = Silo().Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(true, Cancel);
        return table;
    }

    private IHost Silo()
    {
        var host = new HostBuilder()
            .ConfigureLogging(logging => logging.SetMinimumLevel(LogLevel.Warning))
            .UseOrleans(silo => silo
                .Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (Cluster, Cluster))
                .ConfigureEndpoints(IPAddress.Loopback, FreePort.Take(), FreePort.Take())
                .UseAdoNetClustering(options => (options.Invariant, options.DataSource) = ("Npgsql", _database)))
            .Build();
        _hosts.Add(host);
        return host;
    }

    private static MembershipEntry Entry(int port, SiloStatus status = SiloStatus.Joining) => new()
    {
        SiloAddress = SiloAddress.New(IPAddress.Loopback, port, 1),
        SiloName = $"silo-{port}",
        HostName = "host",
        Status = status,
        ProxyPort = 30000 + port,
        StartTime = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
        IAmAliveTime = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(10),
    };

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Cancel);
    }
}
