using System.Data;
using Npgsql;

namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>
/// Out of a pool, one connection for one use after the other. The pool would hand its connections out in turn: as many of
/// the server's processes would share what one can do, each with its own caches of statements and memory to warm, at twice
/// the work for a registration.
/// </summary>
/// <remarks>Uses may overlap, as where one was given up that has not ended: the second has another connection.</remarks>
internal sealed class HeldConnection(NpgsqlDataSource pool, TimeProvider time) : IAsyncDisposable
{
    /// <summary>
    /// After so long the server may have been restarted, which one that waits is not told: it would fail whoever uses it next,
    /// though the server answers. It is asked first then, which costs a round trip.
    /// </summary>
    private static readonly TimeSpan Trusted = TimeSpan.FromSeconds(1);

    private Idle? _idle;
    private volatile bool _disposed;

    /// <summary>Runs something on it. After a failure it goes back to the pool, which looks at what state it is in.</summary>
    public async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> use, CancellationToken cancellationToken)
    {
        var connection = await TakeAsync(cancellationToken);
        var mayHold = false;
        try
        {
            var result = await use(connection);
            mayHold = true;
            return result;
        }
        finally
        {
            if (!mayHold || Interlocked.CompareExchange(ref _idle, new(connection, time.GetTimestamp()), null) is not null)
            {
                await connection.DisposeAsync();
            }
            else if (_disposed)
            {
                await ReleaseAsync();
            }
        }
    }

    /// <summary>Gives it back to the pool; the next use takes another.</summary>
    public async ValueTask ReleaseAsync()
    {
        if (Interlocked.Exchange(ref _idle, null) is { } idle)
        {
            await idle.Connection.DisposeAsync();
        }
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        return ReleaseAsync();
    }

    private async ValueTask<NpgsqlConnection> TakeAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _idle, null) is { } idle)
        {
            if (await IsAliveAsync(idle, cancellationToken))
            {
                return idle.Connection;
            }

            await idle.Connection.DisposeAsync();
        }

        return await pool.OpenConnectionAsync(cancellationToken);
    }

    private async ValueTask<bool> IsAliveAsync(Idle idle, CancellationToken cancellationToken)
    {
        if (idle.Connection.State != ConnectionState.Open)
        {
            return false;
        }

        if (time.GetElapsedTime(idle.Since) < Trusted)
        {
            return true;
        }

        try
        {
            await using var question = new NpgsqlCommand("SELECT 1", idle.Connection);
            await question.ExecuteNonQueryAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
        catch
        {
            await idle.Connection.DisposeAsync();
            throw;
        }
    }

    private sealed record Idle(NpgsqlConnection Connection, long Since);
}
