using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace WorkerMesh.Grains.Storage.Sqlite;

/// <summary>Applies groups of mutations through the one writing connection. Not thread-safe.</summary>
internal sealed class SqliteWriter : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _begin;
    private readonly SqliteCommand _commit;
    private readonly SqliteCommand _find;
    private readonly SqliteCommand _readFloor;
    private readonly SqliteCommand _insert;
    private readonly SqliteCommand _upsert;
    private readonly SqliteCommand _dropKeys;
    private readonly SqliteCommand _addKey;
    private readonly SqliteCommand _setDraining;
    private readonly SqliteCommand _delete;
    private readonly SqliteCommand _raiseFloor;

    public SqliteWriter(SqliteConnection connection)
    {
        _connection = connection;
        _begin = Prepare("BEGIN IMMEDIATE", 0);
        _commit = Prepare("COMMIT", 0);
        _find = Prepare("SELECT incarnation, operation_id FROM mesh_worker WHERE worker_id = $1", 1);
        _readFloor = Prepare("SELECT incarnation FROM mesh_incarnation_floor", 0);
        const string columns =
            "(worker_id, incarnation, operation_id, replaced, draining, registered_at, registration, zone)";
        _insert = Prepare(
            $"""
            INSERT OR IGNORE INTO mesh_worker {columns}
            SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM mesh_incarnation_floor WHERE incarnation < $2
            """,
            8);
        _upsert = Prepare($"INSERT OR REPLACE INTO mesh_worker {columns} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", 8);
        _dropKeys = Prepare("DELETE FROM mesh_worker_key WHERE worker_id = $1", 1);
        _addKey = Prepare("INSERT INTO mesh_worker_key (worker_id, registry_key) VALUES ($1, $2)", 2);
        _setDraining = Prepare("UPDATE mesh_worker SET draining = $3 WHERE worker_id = $1 AND incarnation = $2", 3);
        _delete = Prepare("DELETE FROM mesh_worker WHERE worker_id = $1", 1);
        _raiseFloor = Prepare("UPDATE mesh_incarnation_floor SET incarnation = max(incarnation + 1, $1)", 1);
    }

    /// <summary>Applies a group in one transaction; on return it is on the disk.</summary>
    public IReadOnlyList<bool> Apply(IReadOnlyList<Mutation> mutations)
    {
        _begin.ExecuteNonQuery();
        try
        {
            var results = new bool[mutations.Count];
            for (var i = 0; i < results.Length; i++)
            {
                results[i] = mutations[i] switch
                {
                    Mutation.Save save => Save(save),
                    Mutation.SetDraining set => Run(_setDraining, set.Id.Value, set.Incarnation, set.Draining) > 0,
                    Mutation.Remove remove => Remove(remove),
                    _ => throw new ArgumentException($"Unknown: {mutations[i].GetType()}.", nameof(mutations)),
                };
            }

            _commit.ExecuteNonQuery();
            return results;
        }
        catch
        {
            // After some errors, a full disk for one, SQLite has rolled back by itself.
            if (raw.sqlite3_get_autocommit(_connection.Handle) == 0)
            {
                SqliteFile.Execute(_connection, "ROLLBACK");
            }

            throw;
        }
    }

    public void Dispose()
    {
        foreach (var command in (SqliteCommand[])
            [_begin, _commit, _find, _readFloor, _insert, _upsert, _dropKeys, _addKey, _setDraining, _delete, _raiseFloor])
        {
            command.Dispose();
        }

        _connection.Dispose();
    }

    private bool Save(Mutation.Save save)
    {
        var row = save.Row;
        // Most are new: one statement in place of three.
        if (!row.Replaced && Write(_insert, row) > 0)
        {
            AddKeys(save);
            return true;
        }

        var stored = Find(row.Id.Value);
        if (stored is { } found ? save.IsNew || found.Incarnation >= row.Incarnation : row.Incarnation <= ReadFloor())
        {
            // What an earlier attempt, whose answer got lost, has already stored counts as stored.
            return stored == (row.Incarnation, row.OperationId);
        }

        Write(_upsert, row);
        if (stored is not null)
        {
            Run(_dropKeys, row.Id.Value);
        }

        AddKeys(save);
        return true;
    }

    private void AddKeys(Mutation.Save save)
    {
        foreach (var key in save.RegistryKeys)
        {
            Run(_addKey, save.Id.Value, key);
        }
    }

    private static int Write(SqliteCommand command, WorkerRow row) => Run(
        command,
        row.Id.Value,
        row.Incarnation,
        row.OperationId,
        row.Replaced,
        row.Draining,
        row.RegisteredAt,
        row.Registration,
        row.Zone);

    private bool Remove(Mutation.Remove remove)
    {
        if (Find(remove.Id.Value) is not { } found || found.Incarnation > remove.Incarnation)
        {
            return false;
        }

        Run(_delete, remove.Id.Value);
        Run(_dropKeys, remove.Id.Value);
        Run(_raiseFloor, found.Incarnation);
        return true;
    }

    private (long Incarnation, Guid OperationId)? Find(string id)
    {
        _find.Parameters[0].Value = id;
        using var reader = _find.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), reader.GetGuid(1)) : null;
    }

    private long ReadFloor() => (long)_readFloor.ExecuteScalar()!;

    private SqliteCommand Prepare(string sql, int parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 1; i <= parameters; i++)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
        }

        return command;
    }

    private static int Run(SqliteCommand command, params ReadOnlySpan<object?> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        }

        return command.ExecuteNonQuery();
    }
}
