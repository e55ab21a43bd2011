using Microsoft.AspNetCore.Http.Features;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Finds what a request asks of the worker, byte for byte as the client wrote it.</summary>
internal static class TargetPath
{
    /// <summary>What the paths of all requests begin with that are forwarded, in any case of letters.</summary>
    public const string Prefix = "/service/";

    /// <summary>
    /// The path and query below the worker's base URL: what follows the service type, or, where nothing does, the path
    /// that existing workers serve, <c>/service/{type}</c>.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="serviceType">Its service type.</param>
    /// <param name="target">The path and query; begins with '/'.</param>
    /// <returns>False where the path holds a dot segment, which could climb out of the worker's base path.</returns>
    public static bool TryFind(HttpContext context, string serviceType, out string target)
    {
        // The parsed path is decoded and its dot segments are resolved; the raw target is what the client wrote.
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.AsSpan();
        if (raw.IsEmpty || raw[0] != '/')
        {
            // Absolute form (RFC 9112, section 3.2.2).
            var scheme = raw.IndexOf("://");
            var path = scheme < 0 ? -1 : raw[(scheme + 3)..].IndexOf('/');
            raw = path < 0 ? "/" : raw[(scheme + 3 + path)..];
        }

        var queryAt = raw.IndexOf('?');
        var query = queryAt < 0 ? default : raw[queryAt..];
        var rawPath = queryAt < 0 ? raw : raw[..queryAt];
        target = "";
        if (HasDotSegment(rawPath) || !rawPath.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        // Past the service type, however it was escaped.
        var afterPrefix = rawPath[Prefix.Length..];
        var slash = afterPrefix.IndexOf('/');
        target = slash < 0 ? string.Concat(Prefix, serviceType, query) : string.Concat(afterPrefix[slash..], query);
        return true;
    }

    /// <summary>
    /// As any worker may read it: with what is percent-encoded decoded once, both slashes as separators, and without the
    /// parameters of a segment, which some cut off first (<c>..;a/</c>).
    /// </summary>
    private static bool HasDotSegment(ReadOnlySpan<char> path)
    {
        if (path.IndexOf('.') < 0 && path.IndexOf("%2e", StringComparison.OrdinalIgnoreCase) < 0)
        {
            return false;
        }

        var decoded = Uri.UnescapeDataString(path).AsSpan();
        foreach (var range in decoded.SplitAny('/', '\\'))
        {
            var segment = decoded[range];
            var parameters = segment.IndexOf(';');
            if ((parameters < 0 ? segment : segment[..parameters]) is "." or "..")
            {
                return true;
            }
        }

        return false;
    }
}
