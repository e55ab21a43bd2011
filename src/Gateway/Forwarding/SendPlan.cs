using System.Net;
using Yarp.ReverseProxy.Forwarder;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>How a request is sent to whichever worker it goes to: within what time, and in which protocol.</summary>
internal sealed class SendPlan
{
    private const string GrpcType = "application/grpc";

    private readonly ForwarderRequestConfig plain;
    private readonly ForwarderRequestConfig tls;
    private readonly ForwarderRequestConfig grpc;

    /// <param name="limits">Its time limits.</param>
    /// <param name="usual">Those of requests that say nothing, which the connection pool knows by itself.</param>
    public SendPlan(TimeLimits limits, TimeLimits usual)
    {
        Limits = limits;
        // The forwarder has one limit for every pause, without allocating anything. It serves where two of the three
        // are equal and the third is the pool's.
        Watched = limits.FirstByte != limits.BetweenBytes
            || limits.Connect != usual.Connect
            || limits.Connect > limits.FirstByte;
        var pause = Watched ? Timeout.InfiniteTimeSpan : limits.FirstByte;
        plain = Config(HttpVersion.Version11, HttpVersionPolicy.RequestVersionOrLower);
        // What TLS negotiates.
        tls = Config(HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower);
        // gRPC is defined on HTTP/2 only; without TLS the worker must know that beforehand, as gRPC servers do.
        grpc = Config(HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);

        ForwarderRequestConfig Config(Version version, HttpVersionPolicy policy) =>
            new() { ActivityTimeout = pause, Version = version, VersionPolicy = policy };
    }

    public TimeLimits Limits { get; }

    /// <summary>Whether a <see cref="ProgressWatch"/> keeps the limits, and not the forwarder.</summary>
    public bool Watched { get; }

    /// <summary>How the forwarder is to send a request to a URL.</summary>
    public ForwarderRequestConfig ConfigFor(HttpRequest request, string url) =>
        HttpProtocol.IsHttp2(request.Protocol) && IsGrpc(request.ContentType) ? grpc
        : url.StartsWith("https:", StringComparison.OrdinalIgnoreCase) ? tls
        : plain;

    /// <summary>Not application/grpc-web, which is made for HTTP/1.1.</summary>
    public static bool IsGrpc(string? contentType) =>
        contentType is not null
        && contentType.StartsWith(GrpcType, StringComparison.OrdinalIgnoreCase)
        && (contentType.Length == GrpcType.Length || contentType[GrpcType.Length] is '+' or ';' or ' ');
}
