using Npgsql;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Startup;

/// <summary>Clocks that are wrong, and clocks that were set back.</summary>
public sealed class ClockTests : IAsyncLifetime
{
    private PostgresServer _postgres = null!;
    private string _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _postgres = await PostgresServer.CreateAsync(Token);
        _database = await _postgres.CreateDatabaseAsync(Token);
    }

    public ValueTask DisposeAsync() => _postgres.DisposeAsync();

    [Theory]
    [InlineData("10 minutes", "600 s behind the database's")]
    [InlineData("-1 hour", "3600 s ahead of the database's")]
    public async Task A_silo_whose_clock_is_far_from_the_databases_ends_with_a_sentence(string later, string expected)
    {
        // In this path the function is found before that of the server.
        await using var silo = SiloProcess.Launch("silo with a wrong clock", Settings(await ShiftAsync(later)));

        var sentence = await silo.Process.LineAsync("WorkerMesh can't start");
        Assert.Contains(expected, sentence, StringComparison.Ordinal);
        Assert.Contains("NTP", sentence, StringComparison.Ordinal);
        Assert.Equal(1, await silo.Process.ExitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task A_silo_whose_clock_is_somewhat_off_says_so_and_starts()
    {
        await using var silo = SiloProcess.Launch("silo with a clock that is slow", Settings(await ShiftAsync("30 seconds")));

        await silo.ActiveAsync();
        Assert.Contains("30 s behind", await silo.Process.LineAsync("This machine's clock is"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silo_starts_at_its_address_after_the_clock_was_set_back()
    {
        int port;
        await using (var first = await SiloProcess.StartAsync("silo before", Settings(_database)))
        {
            port = first.SiloPort;
            await first.Process.KillAsync();
        }

        // As if it had started and run an hour later than it did.
        await ExecuteAsync(
            """
            UPDATE mesh_membership SET generation = generation + 3600, start_time = start_time + interval '1 hour',
                i_am_alive_time = i_am_alive_time + interval '1 hour'
            """);
        await using var second = await SiloProcess.StartAsync("silo after", Settings(_database), port);

        await using var source = NpgsqlDataSource.Create(_database);
        await using var command = source.CreateCommand(
            "SELECT count(*) FROM mesh_membership WHERE i_am_alive_time > clock_timestamp() + interval '2 minutes'");
        Assert.Equal(0L, await command.ExecuteScalarAsync(Token));
    }

    private static Dictionary<string, string> Settings(string database) => new() { ["ConnectionStrings__Cluster"] = database };

    /// <summary>A connection string by which the server's clock seems to be later.</summary>
    private async Task<string> ShiftAsync(string later)
    {
        await ExecuteAsync(
            $"""
             CREATE SCHEMA shifted;
             CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                 AS $$ SELECT pg_catalog.clock_timestamp() + interval '{later}' $$;
             """);
        return _database + ";Search Path=shifted,pg_catalog";
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_database);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }
}
