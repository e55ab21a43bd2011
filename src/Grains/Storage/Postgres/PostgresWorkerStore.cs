using System.Data;
using Npgsql;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>
/// The worker store of a cluster, in PostgreSQL. Writes are grouped into one transaction and one round trip, single
/// reads into one query. Safe with any number of silos on one database.
/// </summary>
public sealed class PostgresWorkerStore : IWorkerStore, IAsyncDisposable
{
    /// <summary>How long an operation may take, unless the constructor is told otherwise.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(3);

    /// <summary>The SQLSTATE of a transaction that the fence has failed.</summary>
    public const string FencedState = "MESH1";

    // A transaction holds a lock for each of its workers, out of the server's 64 for each connection it allows.
    private const int MaxWrites = 256;

    /// <summary>
    /// Pages and lists that are read at once. All registries of a silo read theirs at one moment where it starts again, and
    /// each would have a connection, of which the server has 100 by default, for all silos.
    /// </summary>
    private const int MaxLists = 4;

    /// <summary>
    /// That may wait. Where all silos start again, each worker's first heartbeat is one, and they may come at one moment.
    /// </summary>
    private const int MaxReadsWaiting = 131_072;

    private static readonly TimeSpan LeaveReadOnlyInterval = TimeSpan.FromMilliseconds(100);

    private readonly NpgsqlDataSource _dataSource;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly Func<NpgsqlBatchCommand>? _fence;
    private readonly GroupCommit<Mutation, bool> _writes;
    private readonly GroupCommit<WorkerId, (WorkerRow? Row, long Floor)> _reads;
    private readonly HeldConnection _writing;
    private readonly HeldConnection _reading;
    private readonly SemaphoreSlim _lists = new(MaxLists);
    private long? _leftReadOnly;

    /// <param name="dataSource">Where the database is. Not disposed with the store.</param>
    /// <param name="timeProvider">The clock of the time-outs.</param>
    /// <param name="timeout">
    /// How long an operation may take before it fails, even if the server hangs; default <see cref="DefaultTimeout"/>.
    /// </param>
    /// <param name="fence">
    /// Makes a command that goes first in each transaction that writes, and fails it with <see cref="FencedState"/>
    /// where this process may not write any more.
    /// </param>
    public PostgresWorkerStore(
        NpgsqlDataSource dataSource,
        TimeProvider timeProvider,
        TimeSpan? timeout = null,
        Func<NpgsqlBatchCommand>? fence = null)
    {
        _fence = fence;
        _dataSource = dataSource;
        _writing = new(dataSource, timeProvider);
        _reading = new(dataSource, timeProvider);
        _time = timeProvider;
        _timeout = timeout ?? DefaultTimeout;
        // With grace, so that a group that had to be cancelled ends before the next begins; its callers do not wait for that.
        _writes = new(batch => RunGroupAsync(_writing, WriteAsync, batch), _timeout, _time, MaxWrites);
        _reads = new(batch => RunGroupAsync(_reading, ReadAsync, batch), _timeout, _time, capacity: MaxReadsWaiting);
    }

    /// <inheritdoc/>
    /// <exception cref="StoreUnusableException">
    /// The schema is newer than this program, or cannot be changed.
    /// </exception>
    public Task InitializeAsync(CancellationToken cancellationToken) =>
        PostgresSchema.EnsureAsync(_dataSource, [PostgresSchema.Workers], cancellationToken);

    /// <inheritdoc/>
    public async Task<StoredWorker> ReadAsync(WorkerId id, CancellationToken cancellationToken)
    {
        var (row, floor) = await _reads.EnqueueAsync(id, cancellationToken);
        return new StoredWorker(row?.ToRecord(), floor);
    }

    /// <inheritdoc/>
    /// <exception cref="StaleOwnerException">The fence does not let this process write any more.</exception>
    public Task<bool> SaveAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        _writes.EnqueueAsync(Mutation.Save.Of(record, isNew: false), cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="StaleOwnerException">The fence does not let this process write any more.</exception>
    public Task<bool> AddAsync(WorkerRecord record, CancellationToken cancellationToken) =>
        _writes.EnqueueAsync(Mutation.Save.Of(record, isNew: true), cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="StaleOwnerException">The fence does not let this process write any more.</exception>
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
        var rows = await ListAsync(
            connection => WorkerStatements.ReadPage(connection, page), reader => WorkerRow.Read(reader), cancellationToken);
        return rows.ConvertAll(row => row.ToRecord());
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ServiceType>> ReadServiceTypesAsync(CancellationToken cancellationToken) =>
        await ListAsync(
            connection => new(WorkerStatements.ReadServiceTypesText, connection),
            reader => ServiceType.ParseKey(reader.GetString(0)),
            cancellationToken);

    /// <summary>Ends the grouping loops; operations that are queued fail.</summary>
    public async ValueTask DisposeAsync()
    {
        await _writes.DisposeAsync();
        await _reads.DisposeAsync();
        await _writing.DisposeAsync();
        await _reading.DisposeAsync();
    }

    private async Task<IReadOnlyList<bool>> WriteAsync(
        NpgsqlConnection connection, IReadOnlyList<Mutation> mutations, CancellationToken cancellationToken)
    {
        // Without an explicit transaction the whole batch is one, and its commit needs no round trip of its own.
        await using var batch = new NpgsqlBatch(connection);
        if (_fence is not null)
        {
            batch.BatchCommands.Add(_fence());
        }

        batch.BatchCommands.Add(WorkerStatements.Lock(mutations));
        var adds = Adds(mutations);
        if (adds.Count > 0)
        {
            batch.BatchCommands.Add(WorkerStatements.Add([.. adds.Cast<Mutation.Save>()]));
        }

        var others = adds.Count == 0 ? mutations : [.. mutations.Where(m => !adds.Contains(m))];
        foreach (var mutation in others)
        {
            batch.BatchCommands.Add(WorkerStatements.Write(mutation));
        }

        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (_fence is not null)
        {
            await reader.NextResultAsync(cancellationToken);
        }

        var done = new HashSet<Mutation>(mutations.Count, ReferenceEqualityComparer.Instance);
        if (adds.Count > 0)
        {
            var byId = adds.ToDictionary(add => add.Id.Value);
            await reader.NextResultAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                done.Add(byId[reader.GetString(0)]);
            }
        }

        foreach (var mutation in others)
        {
            await reader.NextResultAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            if (reader.GetBoolean(0))
            {
                done.Add(mutation);
            }
        }

        // Results may arrive before the commit. Only behind the last one does the server say that it has committed.
        while (await reader.NextResultAsync(cancellationToken))
        {
        }

        return [.. mutations.Select(done.Contains)];
    }

    /// <summary>
    /// Those that can go in one statement: at least two new workers that nothing else in this group is about, so that the
    /// order of what is done to one worker stays.
    /// </summary>
    private static HashSet<Mutation> Adds(IReadOnlyList<Mutation> mutations)
    {
        var adds = new HashSet<Mutation>(ReferenceEqualityComparer.Instance);
        foreach (var ofOne in mutations.GroupBy(m => m.Id))
        {
            if (ofOne.First() is Mutation.Save { IsNew: true } add && ofOne.Count() == 1)
            {
                adds.Add(add);
            }
        }

        return adds.Count > 1 ? adds : [];
    }

    private static async Task<IReadOnlyList<(WorkerRow? Row, long Floor)>> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<WorkerId> ids, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(WorkerStatements.ReadText, connection)
        {
            Parameters = { new NpgsqlParameter<string[]> { TypedValue = [.. ids.Select(id => id.Value)] } },
        };
        await command.PrepareAsync(cancellationToken);
        var floor = 0L;
        var rows = new Dictionary<WorkerId, WorkerRow>(ids.Count);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            floor = reader.GetInt64(0);
            if (!reader.IsDBNull(1))
            {
                var row = WorkerRow.Read(reader, 1);
                rows.Add(row.Id, row);
            }
        }

        return [.. ids.Select(id => (rows.GetValueOrDefault(id), floor))];
    }

    private async Task<List<T>> ListAsync<T>(
        Func<NpgsqlConnection, NpgsqlCommand> statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await WaitForListsAsync(cancellationToken);
        return await RunAsync(
            async token =>
            {
                try
                {
                    return await ReadAllAsync(statement, read, token);
                }
                finally
                {
                    // May be after its call has ended: until then it has a connection.
                    _lists.Release();
                }
            },
            TimeSpan.Zero,
            cancellationToken);
    }

    /// <summary>
    /// Once more where the connection turns out to be broken: one that rested in the pool is not told that the server was
    /// restarted, and reading changes nothing. The driver gives up all the others with it.
    /// </summary>
    private async Task<List<T>> ReadAllAsync<T>(
        Func<NpgsqlConnection, NpgsqlCommand> statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        for (var again = false; ; again = true)
        {
            await using var connection = await _dataSource.OpenConnectionAsync(cancellationToken);
            try
            {
                await using var command = statement(connection);
                var all = new List<T>();
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    all.Add(read(reader));
                }

                return all;
            }
            catch (NpgsqlException) when (!again && connection.State != ConnectionState.Open)
            {
            }
        }
    }

    /// <summary>Waits until one fewer than <see cref="MaxLists"/> are read, and takes that place.</summary>
    /// <exception cref="StoreUnavailableException">
    /// The time was up. That says nothing of the connections, which are those of the lists before it.
    /// </exception>
    private async Task WaitForListsAsync(CancellationToken cancellationToken)
    {
        using var time = new CancellationTokenSource(_timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            await _lists.WaitAsync(either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw StoreErrors.NotInTime(_timeout, notBegun: true, e);
        }
    }

    private Task<IReadOnlyList<TResult>> RunGroupAsync<TItem, TResult>(
        HeldConnection held,
        Func<NpgsqlConnection, IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<TResult>>> run,
        IReadOnlyList<TItem> group) => RunAsync(
        token => held.UseAsync(connection => run(connection, group, token), token), TimeLimit.Grace, CancellationToken.None);

    private async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> operation, TimeSpan grace, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await TimeLimit.RunAsync(operation, _timeout, grace, _time, cancellationToken);
            }
            catch (StoreUnavailableException)
            {
                // The time was up. If that is because its connection leads nowhere any more, so do the idle ones, and each
                // would cost another time-out. Where a connection breaks the driver does this itself.
                await ForgetConnectionsAsync();
                throw;
            }
            catch (PostgresException e) when (e.SqlState == FencedState)
            {
                // Without the inner exception, which could not cross to the caller's process.
                throw new StaleOwnerException(e.MessageText);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction)
            {
                if (!await LeaveReadOnlyAsync())
                {
                    throw StoreErrors.Unavailable(e);
                }
            }
            catch (Exception e) when (StoreErrors.IsUnavailability(e) && !cancellationToken.IsCancellationRequested)
            {
                throw StoreErrors.Unavailable(e);
            }
        }
    }

    /// <summary>
    /// A session that began while the database was read-only stays so for as long as it lasts, whatever the database is by
    /// now. Nothing was written on it.
    /// </summary>
    /// <returns>Whether there are others to try; where it is still read-only, they are not made anew for each write.</returns>
    private async Task<bool> LeaveReadOnlyAsync()
    {
        var now = _time.GetTimestamp();
        if (_leftReadOnly is { } left && _time.GetElapsedTime(left, now) < LeaveReadOnlyInterval)
        {
            return false;
        }

        _leftReadOnly = now;
        await ForgetConnectionsAsync();
        return true;
    }

    private async Task ForgetConnectionsAsync()
    {
        _dataSource.Clear();
        await _writing.ReleaseAsync();
        await _reading.ReleaseAsync();
    }
}
