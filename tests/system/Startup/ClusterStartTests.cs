using Npgsql;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Startup;

/// <summary>How silos and gateways start, in whatever order, and stop.</summary>
public sealed class ClusterStartTests(SharedPostgres postgres)
{
    private const int Dead = 6;
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Gateway_and_silo_wait_for_PostgreSQL_and_for_each_other_and_end_in_order()
    {
        var token = TestContext.Current.CancellationToken;
        await using var server = await PostgresServer.CreateAsync(token);
        var database = await server.CreateDatabaseAsync(token);
        await server.KillAsync(token);
        var settings = new Dictionary<string, string> { ["ConnectionStrings__Cluster"] = database };
        await using var gateway = await GatewayProcess.ListenAsync("early gateway", settings);
        await using var silo = SiloProcess.Launch("early silo", settings);

        await silo.Process.LineAsync($"PostgreSQL at 127.0.0.1:{server.Port} can't be used yet");
        await gateway.Process.LineAsync("No silo can be reached yet");
        (await gateway.Api.GetAsync("/health/live")).Expect(200);
        (await gateway.Api.GetAsync("/health/ready")).Expect(503);
        (await gateway.Api.GetAsync("/health")).Expect(503);
        (await gateway.Api.GetAsync("/api/workers")).ExpectProblem(503);
        Assert.NotNull((await gateway.Api.GetAsync("/service/any/thing")).Header("Retry-After"));

        await server.StartAsync(token);
        await silo.ActiveAsync();
        await gateway.ReadyAsync();
        var mode = await silo.Process.LineAsync("WorkerMesh silo in cluster mode");
        Assert.Contains($"PostgreSQL at 127.0.0.1:{server.Port}", mode, StringComparison.Ordinal);
        mode = await gateway.Process.LineAsync("WorkerMesh gateway in cluster mode");
        Assert.Contains($"PostgreSQL at 127.0.0.1:{server.Port}", mode, StringComparison.Ordinal);
        var body = new { url = "http://127.0.0.1:1", services = (string[])["any"] };
        (await gateway.Api.PutAsync("/api/workers/first", body)).Expect(201);

        await gateway.Process.SignalAsync("TERM");
        Assert.Equal(0, await gateway.Process.ExitAsync(StopTime));
        Assert.Equal(3, await StatusOfAsync(database, silo.SiloPort));
        await silo.Process.SignalAsync("TERM");
        Assert.Equal(0, await silo.Process.ExitAsync(StopTime));
        Assert.Equal(Dead, await StatusOfAsync(database, silo.SiloPort));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_silo_waits_for_a_database_that_an_operator_works_on(bool isReadOnly)
    {
        var token = TestContext.Current.CancellationToken;
        var server = await postgres.StartAsync();
        var database = await server.CreateDatabaseAsync(token);
        var settings = new Dictionary<string, string> { ["ConnectionStrings__Cluster"] = database };
        // One that has been used: there is nothing to be written before a silo joins.
        await using (var first = await SiloProcess.StartAsync("first silo", settings))
        {
            await first.Process.SignalAsync("TERM");
            Assert.Equal(0, await first.Process.ExitAsync(StopTime));
        }

        await (isReadOnly ? server.RefuseWritesAsync(database, token) : server.RefuseSessionsAsync(database, token));
        await using var silo = SiloProcess.Launch("waiting silo", settings);
        await silo.Process.LineAsync("waiting for it");
        Assert.False(silo.Process.Exited.IsCompleted, silo.Process.Log);
        await (isReadOnly ? server.AllowWritesAsync(database, token) : server.AllowSessionsAsync(database, token));
        await silo.ActiveAsync();
    }

    [Fact]
    public async Task A_password_in_a_file_may_change_while_silos_and_gateways_run()
    {
        const string user = PostgresServer.UserWithPassword;
        var token = TestContext.Current.CancellationToken;
        var server = await postgres.StartAsync();
        var database = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync(token));
        var file = Path.Combine(Guard.CreateDirectory(), "password");
        await server.ExecuteAsync($"CREATE USER {user} PASSWORD 'first'; ALTER DATABASE {database.Database} OWNER TO {user}", token);
        await File.WriteAllTextAsync(file, $"*:*:*:{user}:first\n", token);
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__Cluster"] = new NpgsqlConnectionStringBuilder(database.ToString()) { Username = user, Passfile = file }.ToString(),
        };
        await using var silo = await SiloProcess.StartAsync("silo", settings);
        await using var gateway = await GatewayProcess.StartAsync("gateway", settings);
        (await RegisterAsync("before")).Expect(201);

        await server.ExecuteAsync($"ALTER USER {user} PASSWORD 'second'", token);
        await File.WriteAllTextAsync(file, $"*:*:*:{user}:second\n", token);
        await server.EndSessionsAsync(database.ToString(), token);
        await Eventually.Holds("it is used", () => RegisterAsync("after"), answer => answer.Status == 201, TimeSpan.FromSeconds(10));
        await using var other = await SiloProcess.StartAsync("other silo", settings);

        Task<Answer> RegisterAsync(string id) => gateway.Api.PutAsync(
            $"/api/workers/{id}?check=false", new { url = "http://127.0.0.1:9", services = (string[])["any"] });
    }

    [Fact]
    public async Task What_waits_for_PostgreSQL_ends_in_order_too()
    {
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__Cluster"] = "Host=127.0.0.1;Port=1;Database=mesh;Username=mesh",
        };
        await using var gateway = await GatewayProcess.ListenAsync("waiting gateway", settings);
        await using var silo = SiloProcess.Launch("waiting silo", settings);
        await silo.Process.LineAsync("waiting for it");
        await gateway.Process.LineAsync("No silo can be reached yet");
        await silo.Process.SignalAsync("TERM");
        await gateway.Process.SignalAsync("TERM");
        Assert.Equal(0, await silo.Process.ExitAsync(StopTime));
        Assert.Equal(0, await gateway.Process.ExitAsync(StopTime));
    }

    private static async Task<int> StatusOfAsync(string database, int siloPort)
    {
        var token = TestContext.Current.CancellationToken;
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand("SELECT status FROM mesh_membership WHERE port = $1");
        command.Parameters.Add(new() { Value = siloPort });
        return (int)(await command.ExecuteScalarAsync(token))!;
    }
}
