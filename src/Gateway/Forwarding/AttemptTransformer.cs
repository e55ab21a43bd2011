using System.Net;
using System.Text;
using WorkerMesh.Gateway.Forwarding.Http1;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Time;
using Yarp.ReverseProxy.Forwarder;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>One attempt at one worker: says where the request goes, and notes when the answer begins.</summary>
/// <param name="attempted">The request.</param>
/// <param name="link">The worker.</param>
/// <param name="url">Where it is.</param>
/// <param name="target">What is asked of it.</param>
/// <param name="notes">Told of the answer.</param>
/// <param name="watch">Told of it where it keeps the time limits; else null.</param>
/// <param name="clock">The clock.</param>
internal sealed class AttemptTransformer(
    ForwardedRequest attempted,
    WorkerLink link,
    string url,
    string target,
    AnswerNotes notes,
    ProgressWatch? watch,
    TimeProvider clock)
    : HttpTransformer
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly TimeSpan startedAt = clock.Elapsed();

    /// <summary>Whether the worker was busy and its answer was dropped, for another worker to be asked.</summary>
    public bool GaveWay { get; private set; }

    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        var request = httpContext.Request;
        proxyRequest.RequestUri = new Uri(url + target, AsWritten);
        if (watch is not null)
        {
            proxyRequest.Options.Set(ProgressWatch.Key, watch);
        }

        // The worker is addressed by its own name; the one that the client used is in X-Forwarded-Host.
        proxyRequest.Headers.Host = null;
        var headers = proxyRequest.Headers;
        // First, so that nobody can name those that are set below.
        if (request.Headers.Connection is { Count: > 0 } connection)
        {
            foreach (var name in NamedAsHopByHop(connection))
            {
                headers.Remove(name);
                proxyRequest.Content?.Headers.Remove(name);
            }
        }

        if (TimeLimitReader.Asks(request.Headers))
        {
            headers.Remove(TimeLimitReader.Connect);
            headers.Remove(TimeLimitReader.FirstByte);
            headers.Remove(TimeLimitReader.BetweenBytes);
        }

        if (httpContext.Connection.RemoteIpAddress is { } client)
        {
            var address = client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client;
            headers.TryAddWithoutValidation("X-Forwarded-For", address.ToString());
        }

        Set("X-Forwarded-Proto", request.Scheme);
        Set("X-Forwarded-Host", request.Host.Value ?? "");
        Set("X-Forwarded-Prefix", TargetPath.Prefix + attempted.Route.ServiceType.Value);
        Span<byte> parent = stackalloc byte[TraceContext.ParentLength];
        if (!TraceContext.Write(request.Headers.TraceParent, parent))
        {
            headers.Remove(TraceContext.StateField);
        }

        Set(TraceContext.ParentField, Encoding.ASCII.GetString(parent));

        headers.TryAddWithoutValidation("Via", request.Protocol == "HTTP/2" ? "2 workermesh" : "1.1 workermesh");

        void Set(string name, string value)
        {
            headers.Remove(name);
            headers.TryAddWithoutValidation(name, value);
        }
    }

    public override ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is not null)
        {
            watch?.OnAnswerBegan();
            GaveWay = !notes.OnAnswer(
                httpContext, attempted, link, startedAt, BusyAnswer.RetryAfter(proxyResponse, clock));
            if (GaveWay)
            {
                return new(false);
            }

            AnswerNotes.LeaveAsItIs(httpContext, (int)proxyResponse.StatusCode);
        }

        return Copy(httpContext, proxyResponse, cancellationToken);
    }

    private ValueTask<bool> Copy(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        var copied = base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        // An answer whose length is known is seldom one that is waited for byte by byte.
        var early = proxyResponse is { Content.Headers.ContentLength: null, StatusCode: not HttpStatusCode.SwitchingProtocols }
            && proxyResponse.RequestMessage?.Method != HttpMethod.Connect
                ? httpContext.Response
                : null;
        if (proxyResponse is not null && (watch is not null || early is not null))
        {
            proxyResponse.Content = new AnswerContent(proxyResponse.Content, early, watch);
        }

        if (proxyResponse is { Headers.Connection.Count: > 0 })
        {
            foreach (var name in NamedAsHopByHop(proxyResponse.Headers.Connection))
            {
                httpContext.Response.Headers.Remove(name);
            }
        }

        httpContext.Response.Headers["X-Mesh-Worker"] = link.Id.Value;
        return copied;
    }

    /// <summary>
    /// The headers that a message declares to be for the next hop only (RFC 9110, section 7.6.1). Not the two that the
    /// forwarder sets itself where it is to continue them, and not those that say where the message goes and ends.
    /// </summary>
    private static IEnumerable<string> NamedAsHopByHop(IEnumerable<string?> connection) => connection
        .SelectMany(value => (value ?? "").Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        .Where(name => !HopByHop.Kept.Contains(name));
}
