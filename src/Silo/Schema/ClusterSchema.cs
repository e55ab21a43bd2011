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

    /// <summary>
    /// A command for each transaction of a silo that writes: fails it once the silo is declared dead. Such a silo may
    /// have hung, and have calls waiting that were made again elsewhere long ago (Kleppmann, "How to do distributed
    /// locking", 2016, on fencing).
    /// </summary>
    public static Func<NpgsqlBatchCommand> Fence(string clusterId, SiloAddress silo) => () =>
        new("SELECT mesh_require_member($1, $2, $3, $4)")
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = clusterId },
                new NpgsqlParameter<string> { TypedValue = silo.Endpoint.Address.ToString() },
                new NpgsqlParameter<int> { TypedValue = silo.Endpoint.Port },
                new NpgsqlParameter<int> { TypedValue = silo.Generation },
            },
        };
}
