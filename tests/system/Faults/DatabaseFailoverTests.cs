using System.Globalization;
using Npgsql;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>A database of two servers, of which the one that follows the other takes its place.</summary>
public sealed class DatabaseFailoverTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Silos_and_gateways_go_over_to_the_server_that_has_become_the_primary(bool hangs)
    {
        await using var primary = await PostgresServer.CreateAsync(Token);
        var database = new NpgsqlConnectionStringBuilder(await primary.CreateDatabaseAsync(Token)).Database!;
        await using var replica = await primary.CreateReplicaAsync(Token);
        var settings = Settings(database, $"127.0.0.1:{primary.Port}", $"127.0.0.1:{replica.Port}");
        await using var silo = await SiloProcess.StartAsync("silo", settings);
        await using var gateway = await GatewayProcess.StartAsync("gateway", settings);
        (await RegisterAsync("before")).Expect(201);
        await Eventually.Equals("workers at the replica", 1, () => CountAsync(replica, database), Patience);

        await (hangs ? primary.FreezeAsync(Token) : primary.KillAsync(Token));
        var refused = await RegisterAsync("meanwhile");
        refused.ExpectProblem(503);
        Assert.NotNull(refused.Header("Retry-After"));
        await replica.PromoteAsync(Token);

        await Eventually.Holds(
            "registering again", () => RegisterAsync("after"), answer => answer.Status is 200 or 201, Patience);
        (await gateway.Api.GetAsync("/api/workers/before")).Expect(200);
        Assert.False(silo.Process.Exited.IsCompleted, silo.Process.Log);

        // As in a network in which the name of what does not run is not known.
        await using var second = await SiloProcess.StartAsync(
            "second silo", Settings(database, "gone.invalid", $"127.0.0.1:{replica.Port}"));
        await Eventually.Equals(
            "active silos",
            2,
            async () => (await gateway.Api.GetAsync("/api/peers")).Expect(200).Json.GetProperty("active_silos").GetInt32(),
            Patience);

        Task<Answer> RegisterAsync(string name) => gateway.Api.PutAsync(
            $"/api/workers/{name}?check=false", new { url = "http://127.0.0.1:9", services = (string[])["any"] });
    }

    private static Dictionary<string, string> Settings(string database, params string[] servers) => new()
    {
        ["ConnectionStrings__Cluster"] = string.Create(
            CultureInfo.InvariantCulture,
            $"Host={string.Join(',', servers)};Database={database};Username=mesh;Target Session Attributes=primary"),
    };

    private static async Task<int> CountAsync(PostgresServer server, string database)
    {
        await using var source = NpgsqlDataSource.Create(server.ConnectionString(database));
        await using var command = source.CreateCommand("SELECT count(*)::int FROM mesh_worker");
        return (int)(await command.ExecuteScalarAsync(Token))!;
    }
}
