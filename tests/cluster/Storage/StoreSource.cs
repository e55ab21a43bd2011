using Npgsql;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;
using WorkerMesh.Grains.Storage.Sqlite;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>Opens stores on one empty database for one test.</summary>
public abstract class StoreSource : IAsyncDisposable
{
    /// <summary>A store on the database of this source. Two calls give what two silos would have.</summary>
    public abstract Task<IWorkerStore> OpenAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

public sealed class PostgresStores(SharedPostgres postgres) : StoreSource
{
    private readonly List<PostgresWorkerStore> _stores = [];
    private NpgsqlDataSource? _dataSource;

    public override async Task<IWorkerStore> OpenAsync(CancellationToken cancellationToken)
    {
        _dataSource ??= NpgsqlDataSource.Create(
            await (await postgres.StartAsync()).CreateDatabaseAsync(cancellationToken));
        // More time than by default: these tests are about what is stored, on a machine that may be busy.
        var store = new PostgresWorkerStore(_dataSource, TimeProvider.System, TimeSpan.FromSeconds(30));
        _stores.Add(store);
        await store.InitializeAsync(cancellationToken);
        return store;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        if (_dataSource is not null)
        {
            await _dataSource.DisposeAsync();
        }
    }
}

/// <summary>One process owns the file, so two calls give the same store.</summary>
public sealed class SqliteStores : StoreSource
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"mesh-sqlite-{Guid.NewGuid():N}");
    private SqliteWorkerStore? _store;

    public string File => Path.Combine(_directory, "deeper", "workers.db");

    public override async Task<IWorkerStore> OpenAsync(CancellationToken cancellationToken)
    {
        _store ??= new SqliteWorkerStore(File, TimeProvider.System, TimeSpan.FromSeconds(30));
        await _store.InitializeAsync(cancellationToken);
        return _store;
    }

    /// <summary>Closes the store; the next one is opened on the file that it leaves.</summary>
    public async Task CloseAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
            _store = null;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync();
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
