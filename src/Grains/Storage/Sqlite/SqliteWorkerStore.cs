using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage.Sqlite;

/// <summary>
/// The worker store of a single process: one SQLite file. Concurrent writes share one commit, which is on the disk when
/// they are acknowledged, by the thread that makes the commits, which what comes after a write must not block
/// (<see cref="GroupCommit{TItem, TResult}"/>). Reads are not grouped: each is a few microseconds, and there is no round
/// trip to save.
/// </summary>
public sealed class SqliteWorkerStore : IWorkerStore, IAsyncDisposable
{
    /// <summary>How long a write may take, unless the constructor is told otherwise.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    private readonly string _path;
    private readonly GroupCommit<Mutation, bool> _writes;
    private readonly SemaphoreSlim _reading = new(1);
    private SqliteWriter? _writer;
    private SqliteReader? _reader;
    private bool _disposed;

    /// <param name="path">The file; it and its directory are made where they are missing.</param>
    /// <param name="timeProvider">The clock of the time-out.</param>
    /// <param name="timeout">How long a write may take before it fails; default <see cref="DefaultTimeout"/>.</param>
    public SqliteWorkerStore(string path, TimeProvider timeProvider, TimeSpan? timeout = null)
    {
        _path = Path.GetFullPath(path);
        _writes = new(
            batch => Task.FromResult((_writer ?? throw NotInitialized()).Apply(batch)),
            timeout ?? DefaultTimeout,
            timeProvider,
            blocks: true);
    }

    /// <summary>Opens the file. Calling it again does nothing.</summary>
    /// <exception cref="StoreUnusableException">
    /// The file is damaged, newer or not writable; the message says what to do.
    /// </exception>
    public Task InitializeAsync(CancellationToken cancellationToken) => LockedAsync(
        () =>
        {
            _writer ??= new SqliteWriter(SqliteFile.OpenWriter(_path));
            _reader ??= new SqliteReader(SqliteFile.OpenReader(_path));
            return true;
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<StoredWorker> ReadAsync(WorkerId id, CancellationToken cancellationToken)
    {
        // At once where nobody else reads: to look up a row takes less than to hand it to another thread.
        var (row, floor) = TryReadNow(id) ?? await ReadAsync(reader => reader.Read(id), cancellationToken);
        return new StoredWorker(row?.ToRecord(), floor);
    }

    /// <inheritdoc/>
    public Task<bool> SaveAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        _writes.EnqueueAsync(Mutation.Save.Of(record, isNew: false), cancellationToken);

    /// <inheritdoc/>
    public Task<bool> AddAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        _writes.EnqueueAsync(Mutation.Save.Of(record, isNew: true), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<bool>> AddAllAsync(IReadOnlyList<WorkerRecord> records, CancellationToken cancellationToken) =>
        _writes.EnqueueAllAsync([.. records.Select(record => Mutation.Save.Of(record, isNew: true))], cancellationToken);

    /// <inheritdoc/>
    public Task<bool> SetDrainingAsync(
        WorkerId id, long incarnation, bool draining, CancellationToken cancellationToken) =>
        _writes.EnqueueAsync(new Mutation.SetDraining(id, incarnation, draining), cancellationToken);

    /// <inheritdoc/>
    public Task<bool> RemoveAsync(WorkerId id, long incarnation, CancellationToken cancellationToken) =>
        _writes.EnqueueAsync(new Mutation.Remove(id, incarnation), cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<WorkerRecord>> ReadPageAsync(WorkerPage page, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(page.Limit, 1, nameof(page));
        var rows = await ReadAsync(reader => reader.ReadPage(page), cancellationToken);
        return rows.ConvertAll(row => row.ToRecord());
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ServiceType>> ReadServiceTypesAsync(CancellationToken cancellationToken) =>
        await ReadAsync(reader => reader.ReadServiceTypes(), cancellationToken);

    /// <summary>Finishes the group that is being written, fails what is queued, and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        await _writes.DisposeAsync();
        await _reading.WaitAsync();
        try
        {
            // The reader first: the last connection to close folds the write-ahead log into the file, and needs to
            // write.
            _reader?.Dispose();
            _writer?.Dispose();
            _disposed = true;
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>Null where it has to wait, or can't be read: then the other way says why.</summary>
    private (WorkerRow? Row, long Floor)? TryReadNow(WorkerId id)
    {
        if (!_reading.Wait(0))
        {
            return null;
        }

        try
        {
            return _disposed ? null : _reader?.Read(id);
        }
        catch (Exception e) when (StoreErrors.IsUnavailability(e))
        {
            return null;
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task<T> ReadAsync<T>(Func<SqliteReader, T> read, CancellationToken cancellationToken)
    {
        try
        {
            return await LockedAsync(() => read(_reader ?? throw NotInitialized()), cancellationToken);
        }
        catch (Exception e) when (
            StoreErrors.IsUnavailability(e) && !cancellationToken.IsCancellationRequested)
        {
            throw StoreErrors.Unavailable(e);
        }
    }

    /// <summary>Runs one thing at a time away from the caller, whose thread may be a grain's.</summary>
    private async Task<T> LockedAsync<T>(Func<T> run, CancellationToken cancellationToken)
    {
        await _reading.WaitAsync(cancellationToken);
        try
        {
            return _disposed
                ? throw new StoreUnavailableException("The store is closed.")
                : await Task.Run(run, cancellationToken);
        }
        finally
        {
            _reading.Release();
        }
    }

    private InvalidOperationException NotInitialized() => new($"The store '{_path}' has not been initialized.");
}
