using Npgsql;

namespace WorkerMesh.Silo.Schema;

/// <summary>What silos that ran before have left in the membership table, where the clock has been set back since.</summary>
internal static class EarlierRuns
{
    /// <summary>
    /// The highest generation in a cluster, 0 where it has no silo yet. On the way, rows whose silo says that it was alive later than now are set
    /// to now: they would count as alive until the clock is there, and silos that start wait for them to answer.
    /// </summary>
    /// <param name="database">The cluster's database.</param>
    /// <param name="clusterId">The cluster.</param>
    /// <param name="tolerance">How far the clock of a silo that runs may be ahead of the database's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="NpgsqlException">The database did not answer.</exception>
    public static async Task<int> LastGenerationAsync(
        NpgsqlDataSource database, string clusterId, TimeSpan tolerance, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            WITH late AS (
                UPDATE mesh_membership SET i_am_alive_time = clock_timestamp()
                WHERE deployment_id = $1 AND i_am_alive_time > clock_timestamp() + $2
            )
            SELECT coalesce(max(generation), 0) FROM mesh_membership WHERE deployment_id = $1
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = clusterId });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = tolerance });
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
