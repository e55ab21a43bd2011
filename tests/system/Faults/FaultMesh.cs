using Npgsql;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// A cluster to be broken: a PostgreSQL of its own, three silos that are started again whatever ends them, two gateways.
/// A test leaves it broken where it fails; the next one starts with <see cref="HealAsync"/>.
/// </summary>
public class FaultMesh : Mesh
{
    private const int ActiveStatus = 3;
    private const int DeadStatus = 6;
    private const int SiloCount = 3;
    private const int GatewayCount = 2;

    private NpgsqlDataSource _database = null!;

    public override int Silos => SiloCount;

    public PostgresServer Postgres { get; private set; } = null!;

    /// <summary>The cluster's, as a connection string.</summary>
    public string Database => Settings["ConnectionStrings__Cluster"];

    public SupervisedSilo[] Places { get; private set; } = [];

    public override string Log => string.Join('\n', Places.Select(p => p.Current.Process.Log).Append(base.Log));

    /// <summary>What its processes are configured with.</summary>
    public IReadOnlyDictionary<string, string> GatewaySettings => Settings;

    protected Dictionary<string, string> Settings { get; } = new()
    {
        // Long enough for a process that starts on a busy machine, short enough for a test to wait for.
        ["Gateway__FirstByteTimeout"] = "00:00:02",
        // So that it happens between faults, and in the middle of them.
        ["Registry__RebalanceDelay"] = "00:00:04",
    };

    /// <summary>The network namespace that a silo runs in; null is the tests' own.</summary>
    protected virtual string? HostOf(int silo) => null;

    /// <summary>The address that silos and gateways reach the database at.</summary>
    protected virtual string DatabaseHost => "127.0.0.1";

    public override async ValueTask InitializeAsync()
    {
        var token = TestContext.Current.CancellationToken;
        Postgres = await PostgresServer.CreateAsync(token, DatabaseHost);
        var database = new NpgsqlConnectionStringBuilder(await Postgres.CreateDatabaseAsync(token))
        {
            Host = DatabaseHost,
            CommandTimeout = 5,
        };
        Settings["ConnectionStrings__Cluster"] = database.ToString();
        _database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ToString()) { Pooling = false }.ToString());
        Places = [.. Enumerable.Range(0, SiloCount).Select(i => new SupervisedSilo($"silo{i}", Settings, HostOf(i)))];
        await Task.WhenAll(Places.Select(p => p.StartAsync()));
        Gateways.AddRange(await Task.WhenAll(
            Enumerable.Range(0, GatewayCount).Select(i => GatewayProcess.StartAsync($"gateway{i}", Settings))));
    }

    public override Task<GatewayProcess> StartGatewayAsync(params (string Name, string Value)[] settings) =>
        GatewayProcess.StartAsync(
            "gateway", Settings.Concat(settings.ToDictionary(s => s.Name, s => s.Value)).ToDictionary());

    /// <summary>SIGKILL to all silos at once; they stay down until they are released.</summary>
    public override async Task KillAsync()
    {
        foreach (var place in Places)
        {
            place.Hold();
        }

        await Harness.ChildProcess.KillAllAsync([.. Places.Select(p => p.Current.Process)]);
    }

    public override Task RestartAsync() => HealAsync();

    /// <summary>Everything runs, and every gateway sees all silos active.</summary>
    public async Task HealAsync()
    {
        var token = TestContext.Current.CancellationToken;
        await (Postgres.IsStarted ? Postgres.ThawAsync(token) : Postgres.StartAsync(token));
        await Postgres.AllowSessionsAsync(Database, token);
        await Postgres.AllowWritesAsync(Database, token);
        foreach (var place in Places)
        {
            await place.Current.Process.SignalAsync("CONT");
            place.Release();
        }

        await Task.WhenAll(Places.Select(p => p.ActiveAsync()));
        // Those that ended while there was no database are no longer taken for members.
        await Eventually.Equals(
            "active silos in the membership table", Silos, CountActiveAsync, TimeSpan.FromSeconds(60), () => Log);
        foreach (var gateway in Gateways.Where(g => g.Process.Exited.IsCompleted))
        {
            await gateway.RestartAsync();
        }

        await WholeAsync();
    }

    /// <summary>Waits until every gateway sees all silos active. Where it waits in vain, it says what they logged last.</summary>
    public Task WholeAsync(TimeSpan? within = null) => Task.WhenAll(Gateways.Select(g => Eventually.Equals(
        $"active silos at {g.Api.Address}",
        (Silos, 200),
        async () => await g.Api.GetAsync("/api/peers") is { Status: 200 } peers
            ? (peers.Json.GetProperty("active_silos").GetInt32(), (await g.Api.GetAsync("/health")).Status)
            : (0, 503),
        within ?? TimeSpan.FromSeconds(60),
        () => Log)));

    /// <summary>Waits until the membership table says that the silo which had this port, and its start, is dead.</summary>
    public async Task DeadAsync(int siloPort, TimeSpan within) => await Eventually.Equals(
        $"a silo at port {siloPort} is declared dead",
        true,
        async () =>
        {
            // The latest process at the port may be its successor already.
            await using var command = _database.CreateCommand(
                "SELECT status FROM mesh_membership WHERE port = $1 ORDER BY generation LIMIT 1");
            command.Parameters.Add(new() { Value = siloPort });
            return (int)(await command.ExecuteScalarAsync())! == DeadStatus;
        },
        within);

    /// <summary>So that the rows of silos that are dead already can't be taken for one that dies.</summary>
    public async Task ForgetDeadSilosAsync()
    {
        await using var command = _database.CreateCommand($"DELETE FROM mesh_membership WHERE status = {DeadStatus}");
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Runs a statement on the cluster's database, behind everybody's back.</summary>
    public async Task ExecuteAsync(string statement)
    {
        await using var command = _database.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Nobody reads or writes workers before the end of this, as while an operator changes the table.</summary>
    public async Task<IAsyncDisposable> LockWorkersAsync()
    {
        var connection = await _database.OpenConnectionAsync();
        try
        {
            await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand("LOCK TABLE mesh_worker, mesh_worker_key, mesh_incarnation_floor", connection);
            await command.ExecuteNonQueryAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Task.WhenAll(Places.Select(p => p.DisposeAsync().AsTask()));
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        if (Postgres is not null)
        {
            await Postgres.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    private async Task<int> CountActiveAsync()
    {
        await using var command = _database.CreateCommand($"SELECT count(*)::int FROM mesh_membership WHERE status = {ActiveStatus}");
        return (int)(await command.ExecuteScalarAsync())!;
    }
}

/// <summary>Tests that share one cluster that is broken by each and heals.</summary>
[CollectionDefinition]
public sealed class OnFaultMesh : ICollectionFixture<FaultMesh>;
