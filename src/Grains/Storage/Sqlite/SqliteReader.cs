using Microsoft.Data.Sqlite;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Storage.Sqlite;

/// <summary>Reads through a connection of its own, so that readers do not wait for commits. Not thread-safe.</summary>
internal sealed class SqliteReader(SqliteConnection connection) : IDisposable
{
    private SqliteCommand? readOne;

    /// <summary>Reads one worker and the floor, at one point in time.</summary>
    public (WorkerRow? Row, long Floor) Read(WorkerId id)
    {
        // Prepared once: to parse it each time would take longer than to run it.
        var command = readOne ??= PrepareReadOne();
        command.Parameters[0].Value = id.Value;
        using var reader = command.ExecuteReader();
        reader.Read();
        return (reader.IsDBNull(1) ? null : WorkerRow.Read(reader, 1), reader.GetInt64(0));
    }

    public List<WorkerRow> ReadPage(WorkerPage page)
    {
        using var command = Command("");
        command.Parameters.AddWithValue("$after", page.After?.Value ?? "");
        command.Parameters.AddWithValue("$limit", page.Limit);
        var (table, id) = ("mesh_worker AS w", "w.worker_id");
        var conditions = "";
        if (page.RegistryKey is { } key)
        {
            command.Parameters.AddWithValue("$key", key.Value);
            (table, id) = ("mesh_worker_key AS k CROSS JOIN mesh_worker AS w", "k.worker_id");
            conditions = "w.worker_id = k.worker_id AND k.registry_key = $key AND ";
        }

        if (page.Zone is { } zone)
        {
            command.Parameters.AddWithValue("$zone", zone);
            conditions += "w.zone = $zone AND ";
        }

        command.CommandText =
            $"SELECT {WorkerRow.Columns} FROM {table} WHERE {conditions} {id} > $after ORDER BY {id} LIMIT $limit";
        return ReadAll(command, reader => WorkerRow.Read(reader));
    }

    /// <summary>Jumps through the index from each key to the next instead of reading a row for each worker.</summary>
    public List<ServiceType> ReadServiceTypes()
    {
        using var command = Command(
            """
            WITH RECURSIVE types (key) AS (
                SELECT min(registry_key) FROM mesh_worker_key
                UNION ALL
                SELECT (SELECT min(registry_key) FROM mesh_worker_key WHERE registry_key > key)
                FROM types WHERE key IS NOT NULL
            )
            SELECT key FROM types WHERE key IS NOT NULL
            """);
        return ReadAll(command, reader => ServiceType.ParseKey(reader.GetString(0)));
    }

    public void Dispose()
    {
        readOne?.Dispose();
        connection.Dispose();
    }

    private SqliteCommand PrepareReadOne()
    {
        var command = Command(
            $"""
            SELECT f.incarnation, {WorkerRow.Columns}
            FROM mesh_incarnation_floor AS f LEFT JOIN mesh_worker AS w ON w.worker_id = $id
            """);
        command.Parameters.Add(new SqliteParameter { ParameterName = "$id" });
        return command;
    }

    private SqliteCommand Command(string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }

    private static List<T> ReadAll<T>(SqliteCommand command, Func<SqliteDataReader, T> read)
    {
        var all = new List<T>();
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            all.Add(read(reader));
        }

        return all;
    }
}
