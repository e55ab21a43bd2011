using Npgsql;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;

namespace WorkerMesh.Silo.Schema;

/// <summary>All that a cluster needs in its PostgreSQL: the worker store's tables and the membership table.</summary>
public static class ClusterSchema
{
    private static readonly SchemaPart Membership =
        new("membership", EmbeddedScripts.Read(typeof(ClusterSchema).Assembly, "schema"));

    /// <summary>
    /// Creates what is missing and applies pending migrations, all or nothing. Idempotent, and safe when several silos
    /// start at once: they wait for each other, up to 30 s.
    /// </summary>
    /// <exception cref="StoreUnavailableException">
    /// The database did not answer. Trying again later may help.
    /// </exception>
    /// <exception cref="StoreUnusableException">Trying again does not help; the message says what does.</exception>
    public static Task EnsureAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken) =>
        PostgresSchema.EnsureAsync(dataSource, [PostgresSchema.Workers, Membership], cancellationToken);
}
