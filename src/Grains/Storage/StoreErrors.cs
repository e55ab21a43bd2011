using System.Data.Common;
using System.Net.Sockets;

namespace WorkerMesh.Grains.Storage;

/// <summary>Which failures mean that the database cannot be used at the moment.</summary>
internal static class StoreErrors
{
    /// <summary>Whether a failure is the database's rather than the program's.</summary>
    public static bool IsUnavailability(Exception e) =>
        e is StoreUnavailableException or DbException or TimeoutException or IOException or SocketException
            or OperationCanceledException;

    /// <summary>The failure as callers of the store expect it.</summary>
    public static StoreUnavailableException Unavailable(Exception e) =>
        e as StoreUnavailableException ?? new StoreUnavailableException($"The database failed: {e.Message}", e);

    /// <summary>The time of a call was up, before it was begun (<see cref="StoreUnavailableException.NotBegun"/>) or after.</summary>
    public static StoreUnavailableException NotInTime(TimeSpan limit, bool notBegun, Exception e)
    {
        var what = notBegun ? "was too busy to take the call" : "did not answer";
        return new($"The database {what} within {limit.TotalSeconds:0.#} s.", e) { NotBegun = notBegun };
    }
}
