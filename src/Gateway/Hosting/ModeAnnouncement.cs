using Microsoft.Extensions.Options;
using Npgsql;
using WorkerMesh.Silo.Hosting;
using WorkerMesh.Silo.Networking;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Says on one line which mode runs; the server says on one line each what it bound ("Now listening on").
/// </summary>
internal static partial class ModeAnnouncement
{
    public static void AnnounceMode(this WebApplication app, bool embedded)
    {
        var mesh = app.Services.GetRequiredService<IOptions<MeshOptions>>().Value;
        if (embedded)
        {
            LogEmbedded(app.Logger, Path.GetFullPath(mesh.DataDirectory));
            return;
        }

        var database = new NpgsqlConnectionStringBuilder(ClusterDatabase.ConnectionString(app.Configuration));
        LogCluster(app.Logger, mesh.ClusterId, DatabaseServer.Describe(database), database.Database);
    }

    [LoggerMessage(3300, LogLevel.Information,
        "WorkerMesh gateway in embedded mode: its own silo, registrations in {DataDirectory}.")]
    private static partial void LogEmbedded(ILogger logger, string dataDirectory);

    [LoggerMessage(3301, LogLevel.Information,
        "WorkerMesh gateway in cluster mode: cluster '{ClusterId}', silos from PostgreSQL at {Servers}/{Database}.")]
    private static partial void LogCluster(ILogger logger, string clusterId, string servers, string? database);
}
