using Npgsql;
using NpgsqlTypes;

namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>
/// The statements of <see cref="PostgresWorkerStore"/>. Each write answers with one boolean; those that add many workers,
/// with the ids of those that are stored.
/// </summary>
internal static class WorkerStatements
{
    // Separates these locks from other advisory ones in the database ("mesh").
    private const int LockClass = 0x6D657368;

    private const string LockText =
        """
        SELECT pg_advisory_xact_lock($1, key)
        FROM (SELECT DISTINCT hashtext(id) AS key FROM unnest($2) AS id ORDER BY key) AS keys
        """;

    // The last line: what an earlier attempt, whose answer got lost, has already stored counts as stored.
    private const string SaveText =
        """
        WITH saved AS (
            INSERT INTO mesh_worker AS w
                (worker_id, incarnation, operation_id, replaced, draining, registered_at, registration, zone)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8
            WHERE CASE WHEN EXISTS (SELECT FROM mesh_worker WHERE worker_id = $1) THEN NOT $10
                ELSE $2 > (SELECT incarnation FROM mesh_incarnation_floor) END
            ON CONFLICT (worker_id) DO UPDATE SET
                incarnation = excluded.incarnation,
                operation_id = excluded.operation_id,
                replaced = excluded.replaced,
                draining = excluded.draining,
                registered_at = excluded.registered_at,
                registration = excluded.registration,
                zone = excluded.zone
            WHERE w.incarnation < excluded.incarnation
            RETURNING worker_id
        ), dropped AS (
            DELETE FROM mesh_worker_key
            WHERE worker_id = $1 AND registry_key <> ALL ($9) AND EXISTS (SELECT FROM saved)
        ), added AS (
            INSERT INTO mesh_worker_key (registry_key, worker_id)
            SELECT key, worker_id FROM saved, unnest($9) AS key
            ON CONFLICT DO NOTHING
        )
        SELECT EXISTS (SELECT FROM saved) OR EXISTS (
            SELECT FROM mesh_worker WHERE worker_id = $1 AND incarnation = $2 AND operation_id = $3)
        """;

    // As above, for many that are new: a third of the server's work for each.
    private const string AddText =
        """
        WITH new AS (
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
                AS n (worker_id, incarnation, operation_id, replaced, draining, registered_at, registration, zone)
        ), saved AS (
            INSERT INTO mesh_worker
                (worker_id, incarnation, operation_id, replaced, draining, registered_at, registration, zone)
            SELECT * FROM new WHERE incarnation > (SELECT incarnation FROM mesh_incarnation_floor)
            ON CONFLICT (worker_id) DO NOTHING
            RETURNING worker_id
        ), added AS (
            INSERT INTO mesh_worker_key (registry_key, worker_id)
            SELECT registry_key, worker_id FROM unnest($9, $10) AS k (registry_key, worker_id) JOIN saved USING (worker_id)
            ON CONFLICT DO NOTHING
        )
        SELECT n.worker_id FROM new AS n LEFT JOIN saved AS s USING (worker_id)
        WHERE s.worker_id IS NOT NULL OR n.operation_id = (
            SELECT w.operation_id FROM mesh_worker AS w WHERE w.worker_id = n.worker_id AND w.incarnation = n.incarnation)
        """;

    private const string SetDrainingText =
        """
        WITH changed AS (
            UPDATE mesh_worker SET draining = $3 WHERE worker_id = $1 AND incarnation = $2 RETURNING worker_id
        )
        SELECT EXISTS (SELECT FROM changed)
        """;

    private const string RemoveText =
        """
        WITH removed AS (
            DELETE FROM mesh_worker WHERE worker_id = $1 AND incarnation <= $2 RETURNING incarnation
        ), dropped AS (
            DELETE FROM mesh_worker_key WHERE worker_id = $1 AND EXISTS (SELECT FROM removed)
        ), raised AS (
            UPDATE mesh_incarnation_floor AS f SET incarnation = greatest(f.incarnation + 1, removed.incarnation)
            FROM removed
        )
        SELECT EXISTS (SELECT FROM removed)
        """;

    /// <summary>
    /// Column 0 is the floor, then the row, which is null in the one line that comes when nothing is found.
    /// </summary>
    public const string ReadText =
        $"""
        SELECT f.incarnation, {WorkerRow.Columns}
        FROM mesh_incarnation_floor AS f LEFT JOIN mesh_worker AS w ON w.worker_id = ANY ($1)
        """;

    /// <summary>
    /// Finds the distinct keys by jumping through the index from each to the next: the cost is that of the number of
    /// keys, where DISTINCT would read a row for each worker of each.
    /// </summary>
    public const string ReadServiceTypesText =
        """
        WITH RECURSIVE types (key) AS (
            SELECT min(registry_key) FROM mesh_worker_key
            UNION ALL
            SELECT (SELECT min(registry_key) FROM mesh_worker_key WHERE registry_key > key)
            FROM types WHERE key IS NOT NULL
        )
        SELECT key FROM types WHERE key IS NOT NULL
        """;

    /// <summary>
    /// Takes a lock for each worker, until the end of the transaction. So the statements that follow see all that other
    /// silos did to these workers, whether a row is there to be locked or not; without it a save could pass a
    /// concurrent removal unseen and come in below the floor that this has set. All at once and in one order, against
    /// deadlocks.
    /// </summary>
    public static NpgsqlBatchCommand Lock(IEnumerable<Mutation> mutations) => new(LockText)
    {
        Parameters =
        {
            new NpgsqlParameter<int> { TypedValue = LockClass },
            new NpgsqlParameter<string[]> { TypedValue = [.. mutations.Select(mutation => mutation.Id.Value)] },
        },
    };

    public static NpgsqlBatchCommand Write(Mutation mutation) => mutation switch
    {
        Mutation.Save save => Save(save),
        Mutation.SetDraining set => new NpgsqlBatchCommand(SetDrainingText)
        {
            Parameters = { Text(set.Id.Value), Number(set.Incarnation), Flag(set.Draining) },
        },
        Mutation.Remove remove => new NpgsqlBatchCommand(RemoveText)
        {
            Parameters = { Text(remove.Id.Value), Number(remove.Incarnation) },
        },
        _ => throw new ArgumentException($"Unknown: {mutation.GetType()}.", nameof(mutation)),
    };

    /// <summary>Adds different workers.</summary>
    public static NpgsqlBatchCommand Add(IReadOnlyList<Mutation.Save> saves)
    {
        return new(AddText)
        {
            Parameters =
            {
                Column(save => save.Row.Id.Value),
                Column(save => save.Row.Incarnation),
                Column(save => save.Row.OperationId),
                Column(save => save.Row.Replaced),
                Column(save => save.Row.Draining),
                Column(save => save.Row.RegisteredAt),
                Column(save => save.Row.Registration),
                Column(save => save.Row.Zone),
                new NpgsqlParameter<string[]> { TypedValue = [.. saves.SelectMany(save => save.RegistryKeys)] },
                new NpgsqlParameter<string[]>
                {
                    TypedValue = [.. saves.SelectMany(save => save.RegistryKeys.Select(_ => save.Row.Id.Value))],
                },
            },
        };

        NpgsqlParameter<T[]> Column<T>(Func<Mutation.Save, T> value) => new() { TypedValue = [.. saves.Select(value)] };
    }

    /// <summary>
    /// The text and parameters of a page; keyset pagination through the primary keys or the index by zone.
    /// </summary>
    public static NpgsqlCommand ReadPage(NpgsqlConnection connection, WorkerPage page)
    {
        var command = new NpgsqlCommand { Connection = connection };
        command.Parameters.Add(Text(page.After?.Value ?? ""));
        command.Parameters.Add(Number(page.Limit));
        var zone = "";
        if (page.Zone is not null)
        {
            command.Parameters.Add(Text(page.Zone));
            zone = $"AND w.zone = ${command.Parameters.Count}";
        }

        if (page.RegistryKey is not { } key)
        {
            command.CommandText =
                $"""
                SELECT {WorkerRow.Columns} FROM mesh_worker AS w WHERE w.worker_id > $1 {zone}
                ORDER BY w.worker_id LIMIT $2
                """;
            return command;
        }

        // The limit of one row makes the planner look up each worker of the key, in the order of the keys. A plain join
        // it would rather merge, and for that read all workers up to the page's last one.
        command.Parameters.Add(Text(key.Value));
        command.CommandText =
            $"""
            SELECT {WorkerRow.Columns}
            FROM mesh_worker_key AS k
            CROSS JOIN LATERAL (SELECT * FROM mesh_worker AS w WHERE w.worker_id = k.worker_id {zone} LIMIT 1) AS w
            WHERE k.registry_key = ${command.Parameters.Count} AND k.worker_id > $1
            ORDER BY k.worker_id LIMIT $2
            """;
        return command;
    }

    private static NpgsqlBatchCommand Save(Mutation.Save save) => new(SaveText)
    {
        Parameters =
        {
            Text(save.Row.Id.Value),
            Number(save.Row.Incarnation),
            new NpgsqlParameter<Guid> { TypedValue = save.Row.OperationId },
            Flag(save.Row.Replaced),
            Flag(save.Row.Draining),
            Text(save.Row.RegisteredAt),
            Text(save.Row.Registration),
            Text(save.Row.Zone),
            new NpgsqlParameter<string[]> { TypedValue = save.RegistryKeys },
            Flag(save.IsNew),
        },
    };

    private static NpgsqlParameter<long> Number(long value) => new() { TypedValue = value };

    private static NpgsqlParameter<bool> Flag(bool value) => new() { TypedValue = value };

    private static NpgsqlParameter<string?> Text(string? value) =>
        new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };
}
