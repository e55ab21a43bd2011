using Npgsql;

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>What operators do to one database of a server that goes on running, and undo.</summary>
public static class Maintenance
{
    /// <summary>As where what is between the silos and the server is restarted.</summary>
    public static Task EndSessionsAsync(this PostgresServer server, string database, CancellationToken cancellationToken) =>
        server.ExecuteAsync(
            $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{NameIn(database)}'", cancellationToken);

    /// <summary>No new sessions, and those that there are end.</summary>
    public static async Task RefuseSessionsAsync(this PostgresServer server, string database, CancellationToken cancellationToken)
    {
        await server.ExecuteAsync($"ALTER DATABASE {NameIn(database)} ALLOW_CONNECTIONS false", cancellationToken);
        await server.EndSessionsAsync(database, cancellationToken);
    }

    public static Task AllowSessionsAsync(this PostgresServer server, string database, CancellationToken cancellationToken) =>
        server.ExecuteAsync($"ALTER DATABASE {NameIn(database)} ALLOW_CONNECTIONS true", cancellationToken);

    /// <summary>The sessions from now on may only read, also after <see cref="AllowWritesAsync"/>.</summary>
    public static async Task RefuseWritesAsync(this PostgresServer server, string database, CancellationToken cancellationToken)
    {
        await server.ExecuteAsync(
            $"ALTER DATABASE {NameIn(database)} SET default_transaction_read_only = on", cancellationToken);
        await server.EndSessionsAsync(database, cancellationToken);
    }

    public static Task AllowWritesAsync(this PostgresServer server, string database, CancellationToken cancellationToken) =>
        server.ExecuteAsync($"ALTER DATABASE {NameIn(database)} RESET default_transaction_read_only", cancellationToken);

    private static string NameIn(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString).Database!;
}
