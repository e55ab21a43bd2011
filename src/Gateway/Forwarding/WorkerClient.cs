using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>The pooled connections to all workers.</summary>
internal sealed class WorkerClient : IDisposable
{
    private static readonly List<SslApplicationProtocol> Http1 = [SslApplicationProtocol.Http11];
    private static readonly List<SslApplicationProtocol> Http2Only = [SslApplicationProtocol.Http2];
    private static readonly List<SslApplicationProtocol> Either = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    private readonly TimeSpan connectTimeout;
    private readonly OpenFiles files;
    private readonly TimeProvider clock;

    public WorkerClient(IOptions<GatewayOptions> options, OpenFiles files, TimeProvider clock)
    {
        connectTimeout = options.Value.ConnectTimeout;
        this.files = files;
        this.clock = clock;
        Invoker = new(new SocketsHttpHandler
        {
            // What the worker says is passed on as it is.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            UseProxy = false,
            EnableMultipleHttp2Connections = true,
            // Each request has its own, kept below.
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            // A name may come to mean another container.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            // The trace context is in the request already (TraceContext).
            ActivityHeadersPropagator = null,
            ConnectCallback = (context, token) => Connect(context.DnsEndPoint, context.InitialRequestMessage, token),
        });
    }

    public HttpMessageInvoker Invoker { get; }

    public void Dispose() => Invoker.Dispose();

    /// <summary>
    /// With a time-out of its own, because the handler's looks like the request's: what failed here is known to have
    /// sent nothing. It is that of the request that the connection is opened for; another that is waiting may be given
    /// it.
    /// </summary>
    private async ValueTask<Stream> Connect(
        DnsEndPoint endPoint, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Options.TryGetValue(ProgressWatch.Key, out var watch);
        var socket = files.OpenToWorker();
        watch?.OnConnecting(begins: true);
        try
        {
            using var timer = new CancellationTokenSource(watch?.ConnectLimit ?? connectTimeout, clock);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
            await socket.ConnectAsync(endPoint, limit.Token);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return request.RequestUri!.Scheme == Uri.UriSchemeHttps
                ? await Secure(stream, endPoint.Host, ProtocolsFor(request), limit.Token)
                : new FairStream(stream);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        finally
        {
            watch?.OnConnecting(begins: false);
        }
    }

    /// <summary>As the handler would, but that a handshake that hangs is a connection that was not made.</summary>
    private static async Task<Stream> Secure(
        NetworkStream stream, string host, List<SslApplicationProtocol> protocols, CancellationToken cancellationToken)
    {
        var secure = new SslStream(new OffSocketThreadStream(stream));
        var options = WorkerTls.OptionsFor(host);
        options.ApplicationProtocols = protocols;
        await secure.AuthenticateAsClientAsync(options, cancellationToken);
        return secure;
    }

    private static List<SslApplicationProtocol> ProtocolsFor(HttpRequestMessage request) =>
        request.Version.Major < 2 ? Http1
        : request.VersionPolicy == HttpVersionPolicy.RequestVersionExact ? Http2Only
        : Either;
}
