using Npgsql;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// How far this machine's clock is from the database's, which all silos share. Silos write in the membership table when
/// they started and when they were last alive, each by its own clock, and judge what the others wrote by theirs: one that
/// seems to be starting for five minutes is declared dead by the others in the moment in which it joins.
/// </summary>
internal static class DatabaseClock
{
    /// <summary>Farther away a silo does not start: two that are may be too far from each other.</summary>
    public static readonly TimeSpan MostApart = TimeSpan.FromMinutes(2);

    /// <summary>Farther away is worth a warning.</summary>
    public static readonly TimeSpan Suspicious = TimeSpan.FromSeconds(5);

    /// <summary>The distance, positive where this machine is ahead; exact to half the time that the question takes.</summary>
    /// <exception cref="NpgsqlException">The database did not answer.</exception>
    public static async Task<TimeSpan> AheadAsync(NpgsqlDataSource database, TimeProvider clock, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        var askedAt = clock.Elapsed();
        var theirs = (DateTime)(await command.ExecuteScalarAsync(cancellationToken))!;
        var half = (clock.Elapsed() - askedAt) / 2;
        return clock.GetUtcNow().UtcDateTime - half - theirs;
    }

    /// <summary>For people: "612 s ahead of".</summary>
    public static string Describe(TimeSpan ahead) =>
        FormattableString.Invariant($"{Math.Abs(ahead.TotalSeconds):0} s {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the database's");
}
