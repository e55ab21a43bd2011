using System.Net.Sockets;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Grains.Workers;

/// <summary>Makes the active health checks of a silo's workers.</summary>
internal sealed class WorkerHealthProbe(TimeProvider clock) : IDisposable
{
    // Redirects are not followed and no proxy is used: a check must reach the worker itself or fail.
    private readonly HttpClient client = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
        SslOptions = WorkerTls.OptionsFor(null),
        ConnectCallback = Connect,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>
    /// Whether any of the worker's candidate URLs answers its health path with 2xx in time, tried in their order.
    /// </summary>
    public async Task<bool> IsHealthy(Registration registration, HealthCheck check, CancellationToken cancellationToken)
    {
        foreach (var url in registration.Urls)
        {
            using var timeout = new CancellationTokenSource(check.Timeout, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, url.TrimEnd('/') + check.Path);
                using var response = await client.SendAsync(
                    request, HttpCompletionOption.ResponseHeadersRead, either.Token);
                if (response.IsSuccessStatusCode)
                {
                    return true;
                }
            }
            catch (HttpRequestException)
            {
                // Not this candidate.
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Not in time.
            }
        }

        return false;
    }

    public void Dispose() => client.Dispose();

    /// <summary>As the handler would; TLS, which may block, stays away from the threads of the sockets.</summary>
    private static async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new OffSocketThreadStream(new NetworkStream(socket, ownsSocket: true));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
