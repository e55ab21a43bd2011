using System.Data.Common;
using Microsoft.Extensions.Configuration;
using Npgsql;
using WorkerMesh.Silo.Networking;

namespace WorkerMesh.Silo.Hosting;

/// <summary>The PostgreSQL that a cluster shares.</summary>
public static class ClusterDatabase
{
    /// <summary>The connection string, or null in the embedded mode.</summary>
    public static string? ConnectionString(IConfiguration configuration) =>
        configuration.GetConnectionString(MeshOptions.ConnectionName) is { Length: > 0 } text ? text : null;

    /// <summary>A pool of connections to it. Nothing is connected yet.</summary>
    /// <exception cref="MeshConfigurationException">There is no connection string, or it can't be read.</exception>
    public static NpgsqlDataSource Connect(IConfiguration configuration)
    {
        var text = ConnectionString(configuration) ?? throw new MeshConfigurationException(
            "a silo needs ConnectionStrings__Cluster, for example "
            + "'Host=db;Database=mesh;Username=mesh;Password=...'. (A gateway without it runs embedded, and needs no silo.)");
        NpgsqlConnectionStringBuilder parsed;
        try
        {
            parsed = new(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            // Not the text itself: it holds a password.
            throw new MeshConfigurationException(
                $"ConnectionStrings__Cluster can't be read ({e.Message}). It looks like 'Host=db;Database=mesh;Username=mesh;Password=...'.", e);
        }

        var servers = DatabaseServer.Of(parsed);
        if (servers.Count == 0)
        {
            throw new MeshConfigurationException("ConnectionStrings__Cluster names no Host.");
        }

        // Npgsql's own 15 s and 30 s are longer than anybody here waits. Of several servers the first may be the one that is
        // gone: who waits for the store is to reach the next one meanwhile, also the one after it.
        var given = new DbConnectionStringBuilder { ConnectionString = text };
        parsed.Timeout = Says("Timeout") ? parsed.Timeout : servers.Count > 1 ? 1 : 5;
        parsed.CommandTimeout = Says("Command Timeout") ? parsed.CommandTimeout : 5;
        // For so long, 10 s by itself, it knows which of them was gone or no primary, though that one may be it by now.
        parsed.HostRecheckSeconds = Says("Host Recheck Seconds") ? parsed.HostRecheckSeconds : 3;
        // Npgsql's Prefer asks the Kerberos library before each connection, which asks the name servers in turn, holds a
        // thread until they answer, and, after a time-out, may wait without any (npgsql/npgsql issues 6524 and 6655).
        parsed.GssEncryptionMode = Says("GSS Encryption Mode") ? parsed.GssEncryptionMode : GssEncryptionMode.Disable;
        // What a connection is reset by before each use is seven statements, parsed anew each time; nothing here leaves
        // anything to be reset, and a transaction that was left open is rolled back all the same.
        parsed.NoResetOnClose |= !Says("No Reset On Close");
        // An hour by itself. What a session was begun with, such as that the database was read-only then, it keeps.
        parsed.ConnectionLifetime = Says("Connection Lifetime") ? parsed.ConnectionLifetime : 10;
        parsed.ApplicationName ??= "workermesh";
        return NpgsqlDataSource.Create(parsed);

        bool Says(string name) => given.ContainsKey(name) || given.ContainsKey(name.Replace(" ", "", StringComparison.Ordinal));
    }
}
