using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>Writes the head of a request to a worker, with the header fields of the client's.</summary>
internal static class RequestHead
{
    /// <summary>The longest text of an IP address.</summary>
    private const int MostAddressBytes = 65;

    private static readonly FrozenDictionary<string, Kind> Kinds = MakeKinds();

    private enum Kind
    {
        Pass,

        /// <summary>For this hop only, or set anew.</summary>
        Drop,

        /// <summary>What the gateway adds is put behind what is there.</summary>
        Append,

        /// <summary>Passed on within a trace only.</summary>
        TraceState,

        Cookie,

        /// <summary>Of a client over HTTP/2, <c>trailers</c> is passed on (RFC 9113, section 8.2.2).</summary>
        Te,
    }

    /// <summary>Writes it.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="context">The client's request.</param>
    /// <param name="endpoint">The worker.</param>
    /// <param name="target">The path and query below the worker's base path.</param>
    /// <param name="serviceType">The service type, which is not part of that.</param>
    /// <param name="hasBody">Whether content follows, as the client's Content-Length says, or else in chunks.</param>
    public static void Write(
        Outgoing output, HttpContext context, WorkerEndpoint endpoint, string target, string serviceType, bool hasBody)
    {
        var request = context.Request;
        var method = HttpMethods.GetCanonicalizedValue(request.Method);
        output.Write(method.AsSpan());
        output.Write(" "u8);
        output.Write(endpoint.BasePath.AsSpan());
        output.Write(target.AsSpan());
        output.Write(" HTTP/1.1\r\n"u8);
        output.Write(endpoint.HostLine);
        Span<byte> parent = stackalloc byte[TraceContext.ParentLength];
        var isTraced = TraceContext.Write(request.Headers.TraceParent, parent);
        var connection = request.Headers.Connection;
        foreach (var (name, values) in request.Headers)
        {
            var kind = Kinds.GetValueOrDefault(name);
            if (kind is Kind.Pass or Kind.Cookie || (kind == Kind.TraceState && isTraced))
            {
                if (connection.Count == 0 || !HopByHop.Names(connection, name))
                {
                    WriteField(output, name, values, kind == Kind.Cookie ? "; "u8 : ", "u8);
                }
            }
            else if (kind == Kind.Te && HttpProtocol.IsHttp2(request.Protocol) && HopByHop.Lists(values, "trailers"))
            {
                output.Write("TE: trailers\r\n"u8);
            }
        }

        WriteFraming(output, request, method, hasBody);
        WriteForwarded(output, context, serviceType, connection);
        output.Write("traceparent: "u8);
        output.Write(parent);
        output.Write("\r\n\r\n"u8);
    }

    private static void WriteFraming(Outgoing output, HttpRequest request, string method, bool hasBody)
    {
        if (hasBody && request.ContentLength is null)
        {
            output.Write("Transfer-Encoding: chunked\r\n"u8);
        }
        else if (request.ContentLength is { } length)
        {
            output.Write("Content-Length: "u8);
            output.Write(length);
            output.Write("\r\n"u8);
        }
        else if (!IsUsuallyWithout(method))
        {
            // RFC 9110, section 8.6: where the method leads one to expect content, that there is none is said.
            output.Write("Content-Length: 0\r\n"u8);
        }
    }

    private static bool IsUsuallyWithout(string method) => HttpMethods.IsGet(method)
        || HttpMethods.IsHead(method)
        || HttpMethods.IsOptions(method)
        || HttpMethods.IsDelete(method);

    private static void WriteForwarded(Outgoing output, HttpContext context, string serviceType, StringValues connection)
    {
        var request = context.Request;
        if (context.Connection.RemoteIpAddress is { } client)
        {
            Begin("X-Forwarded-For");
            output.Write(client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client, MostAddressBytes);
            output.Write("\r\n"u8);
        }

        output.Write("X-Forwarded-Proto: "u8);
        output.Write(request.Scheme.AsSpan());
        output.Write("\r\nX-Forwarded-Host: "u8);
        output.Write(request.Host.Value.AsSpan());
        output.Write("\r\nX-Forwarded-Prefix: /service/"u8);
        output.Write(serviceType.AsSpan());
        output.Write("\r\n"u8);
        Begin("Via");
        output.Write(HttpProtocol.IsHttp2(request.Protocol) ? "2 workermesh\r\n"u8 : "1.1 workermesh\r\n"u8);

        void Begin(string name)
        {
            output.Write(name.AsSpan());
            output.Write(": "u8);
            if (request.Headers.TryGetValue(name, out var before) && !HopByHop.Names(connection, name))
            {
                foreach (var value in before)
                {
                    if (IsOneLine(value))
                    {
                        output.Write(value.AsSpan());
                        output.Write(", "u8);
                    }
                }
            }
        }
    }

    private static void WriteField(Outgoing output, string name, StringValues values, ReadOnlySpan<byte> separator)
    {
        foreach (var value in values)
        {
            if (!IsOneLine(value))
            {
                return;
            }
        }

        output.Write(name.AsSpan());
        output.Write(": "u8);
        for (var i = 0; i < values.Count; i++)
        {
            output.Write(i > 0 ? separator : default);
            output.Write(values[i].AsSpan());
        }

        output.Write("\r\n"u8);
    }

    /// <summary>The server lets no others through; here it would be a request of its own.</summary>
    private static bool IsOneLine(string? value) => value is not null && !value.AsSpan().ContainsAny('\r', '\n', '\0');

    private static FrozenDictionary<string, Kind> MakeKinds()
    {
        var kinds = new Dictionary<string, Kind>(StringComparer.OrdinalIgnoreCase)
        {
            ["Cookie"] = Kind.Cookie,
            ["TE"] = Kind.Te,
            ["Via"] = Kind.Append,
            [TraceContext.StateField] = Kind.TraceState,
            ["X-Forwarded-For"] = Kind.Append,
        };
        foreach (var name in HopByHop.Fields.Concat(
            [
                "Host", "Content-Length", TraceContext.ParentField, "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix",
                TimeLimitReader.Connect, TimeLimitReader.FirstByte, TimeLimitReader.BetweenBytes,
            ]))
        {
            kinds.TryAdd(name, Kind.Drop);
        }

        return kinds.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
