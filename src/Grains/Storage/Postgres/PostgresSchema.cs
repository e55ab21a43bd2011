using Npgsql;

namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>Brings parts of the schema up to date.</summary>
internal static class PostgresSchema
{
    /// <summary>What <see cref="PostgresWorkerStore"/> needs.</summary>
    public static readonly SchemaPart Workers =
        new("workers", EmbeddedScripts.Read(typeof(PostgresSchema).Assembly, "postgres"));

    // Any number will do, as long as every version of the silo takes the same.
    private const long LockKey = 0x6D657368_736368;

    // Long enough for another silo's migration to end, short enough to notice a database that hangs.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>Applies what is missing, in one transaction. Concurrent callers wait for each other.</summary>
    /// <exception cref="StoreUnavailableException">The database did not answer; nothing was changed.</exception>
    /// <exception cref="StoreUnusableException">
    /// The schema is newer than this program, or cannot be changed.
    /// </exception>
    public static async Task EnsureAsync(
        NpgsqlDataSource dataSource, IReadOnlyList<SchemaPart> parts, CancellationToken cancellationToken)
    {
        try
        {
            await TimeLimit.RunAsync(
                token => ApplyAsync(dataSource, parts, token),
                Timeout,
                TimeLimit.Grace,
                TimeProvider.System,
                cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DuplicateTable)
        {
            throw new StoreUnusableException(
                $"The database already has a table that WorkerMesh did not create ({e.MessageText}). "
                + "Give WorkerMesh a database of its own, or a schema through 'Search Path' in the connection string.",
                e);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new StoreUnusableException(
                $"The database user may not bring the schema up to date ({e.MessageText}). Grant it CREATE on the "
                + "schema, or start one silo of this version with a user that has it; later ones need no such right.",
                e);
        }
        catch (Exception e) when (
            StoreErrors.IsUnavailability(e) && !cancellationToken.IsCancellationRequested)
        {
            throw StoreErrors.Unavailable(e);
        }
    }

    private static async Task<bool> ApplyAsync(
        NpgsqlDataSource dataSource, IReadOnlyList<SchemaPart> parts, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({LockKey})", cancellationToken);

        // Not CREATE TABLE IF NOT EXISTS: that asks for the right to create even where there is nothing to do.
        await using (var exists = new NpgsqlCommand("SELECT to_regclass('mesh_schema') IS NOT NULL", connection))
        {
            if (await exists.ExecuteScalarAsync(cancellationToken) is false)
            {
                await ExecuteAsync(
                    connection,
                    "CREATE TABLE mesh_schema (part text PRIMARY KEY, version integer NOT NULL)",
                    cancellationToken);
            }
        }

        foreach (var part in parts)
        {
            await ApplyAsync(connection, part, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    private static async Task ApplyAsync(
        NpgsqlConnection connection, SchemaPart part, CancellationToken cancellationToken)
    {
        await using var read = new NpgsqlCommand("SELECT version FROM mesh_schema WHERE part = $1", connection)
        {
            Parameters = { new NpgsqlParameter<string> { TypedValue = part.Name } },
        };
        var version = (int?)await read.ExecuteScalarAsync(cancellationToken) ?? 0;
        if (version > part.Migrations.Count)
        {
            throw new StoreUnusableException(
                $"The database's '{part.Name}' schema has version {version}; this silo knows versions up to "
                + $"{part.Migrations.Count}. Upgrade the silo to the version of those that already run.");
        }

        if (version == part.Migrations.Count)
        {
            return;
        }

        foreach (var migration in part.Migrations.Skip(version))
        {
            await ExecuteAsync(connection, migration, cancellationToken);
        }

        await using var write = new NpgsqlCommand(
            """
            INSERT INTO mesh_schema (part, version) VALUES ($1, $2)
            ON CONFLICT (part) DO UPDATE SET version = excluded.version
            """,
            connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = part.Name },
                new NpgsqlParameter<int> { TypedValue = part.Migrations.Count },
            },
        };
        await write.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)Timeout.TotalSeconds };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
