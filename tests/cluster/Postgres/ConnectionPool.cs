using Npgsql;

namespace WorkerMesh.Tests.Cluster.Postgres;

internal static class ConnectionPool
{
    /// <summary>Leaves so many idle connections in the pool.</summary>
    public static async Task FillPoolAsync(this NpgsqlDataSource database, int count)
    {
        var idle = await Task.WhenAll(Enumerable.Range(0, count).Select(
            _ => database.OpenConnectionAsync(TestContext.Current.CancellationToken).AsTask()));
        foreach (var connection in idle)
        {
            await connection.DisposeAsync();
        }
    }
}
