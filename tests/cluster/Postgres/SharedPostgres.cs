using WorkerMesh.Tests.Cluster.Postgres;

[assembly: AssemblyFixture(typeof(SharedPostgres))]

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>
/// One server for all tests that leave it alone, each with a database of its own. It starts when the first asks for it.
/// Tests that kill or freeze a server make their own.
/// </summary>
public sealed class SharedPostgres : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresServer>> _server = new(() => PostgresServer.CreateAsync(CancellationToken.None));

    public Task<PostgresServer> StartAsync() => _server.Value;

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated)
        {
            await (await _server.Value).DisposeAsync();
        }
    }
}
