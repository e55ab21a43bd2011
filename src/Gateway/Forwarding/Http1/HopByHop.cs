using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>Header fields that are for the next hop only (RFC 9110, section 7.6.1).</summary>
internal static class HopByHop
{
    /// <summary>
    /// Those that are whatever Connection says, and those that speak of the sender's own connection or address. The same
    /// that YARP leaves out.
    /// </summary>
    public static readonly string[] Fields =
    [
        "Connection", "Transfer-Encoding", "Keep-Alive", "Upgrade", "Proxy-Connection", "Proxy-Authenticate",
        "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Features", "Proxy-Instruction", "Security-Scheme", "ALPN",
        "Close", "HTTP2-Settings", "Upgrade-Insecure-Requests", "TE", "Alt-Svc",
    ];

    /// <summary>They say where the message goes and ends, and are set by the gateway itself.</summary>
    public static readonly FrozenSet<string> Kept = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "Upgrade", "TE", "Host", "Content-Length", "Transfer-Encoding");

    /// <summary>Whether Connection names a field that is not one of those that must stay.</summary>
    public static bool Names(StringValues connection, string field) =>
        connection.Count > 0 && Lists(connection, field) && !Kept.Contains(field);

    /// <summary>Whether lists hold a member, in any case of letters.</summary>
    public static bool Lists(StringValues lists, ReadOnlySpan<char> member)
    {
        foreach (var list in lists)
        {
            foreach (var range in list.AsSpan().Split(','))
            {
                if (list.AsSpan(range).Trim(" \t").Equals(member, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
