using System.Globalization;
using Npgsql;

namespace WorkerMesh.Silo.Networking;

/// <summary>One of the servers that a connection string names.</summary>
/// <param name="Host">Its name or address; or the path of its socket.</param>
/// <param name="Port">Its TCP port.</param>
internal readonly record struct DatabaseServer(string Host, int Port)
{
    /// <summary>Whether it is a socket of this machine.</summary>
    public bool IsLocalSocket => IsPath(Host);

    /// <summary>Those of a connection string, in order.</summary>
    public static IReadOnlyList<DatabaseServer> Of(NpgsqlConnectionStringBuilder connection) =>
    [
        .. (connection.Host ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(host => Parse(host, connection.Port)),
    ];

    /// <summary>Those of a connection string, for people: "db-1:5432, db-2:5432".</summary>
    public static string Describe(NpgsqlConnectionStringBuilder connection) => string.Join(", ", Of(connection));

    /// <inheritdoc/>
    public override string ToString() => IsLocalSocket ? Host
        : Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port.ToString(CultureInfo.InvariantCulture)}"
        : $"{Host}:{Port.ToString(CultureInfo.InvariantCulture)}";

    private static bool IsPath(string host) => host is ['/' or '@', ..];

    /// <summary>An address of IPv6 with a port is in brackets, as in a URI (RFC 3986, section 3.2.2).</summary>
    private static DatabaseServer Parse(string host, int usualPort)
    {
        var colon = host.LastIndexOf(':');
        return colon > 0
            && !IsPath(host)
            && (host.IndexOf(':', StringComparison.Ordinal) == colon || host[colon - 1] == ']')
            && int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? new(host[..colon].Trim('[', ']'), port)
            : new(host.Trim('[', ']'), usualPort);
    }
}
