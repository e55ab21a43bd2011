using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Probing;

/// <summary>
/// Tries whether this gateway can connect to a worker, as far as a request would get before it is sent: name
/// resolution, TCP connect, TLS handshake. Sends no request, so it tells nothing about what runs there and disturbs
/// nothing.
/// </summary>
internal sealed class ReachabilityProbe(TimeProvider clock)
{
    /// <summary>No registration waits longer for its check than this.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Over so many at once the check is skipped: it helps people, and a storm of registrations is not people.
    /// </summary>
    private const int MaxUnderWay = 100;

    private int underWay;

    /// <summary>
    /// Tries all candidates at once; the first in their order that can be connected to is the answer.
    /// </summary>
    public async Task<Reachability> Check(ImmutableArray<string> urls, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref underWay) > MaxUnderWay)
        {
            Interlocked.Decrement(ref underWay);
            return Reachability.Unchecked("Many registrations are being checked just now; this one was not.");
        }

        try
        {
            var found = await Task.WhenAll(urls.Select(url => TryConnect(new Uri(url), cancellationToken)));
            var reachable = Array.FindIndex(found, failure => failure is null);
            var failures = urls.Zip(found).Where(f => f.Second is not null).Select(f => $"{f.First}: {f.Second}");
            return new(
                reachable >= 0 ? ReachabilityStatus.Reachable : ReachabilityStatus.Unreachable,
                reachable >= 0 ? urls[reachable] : null,
                string.Join(" ", failures) is { Length: > 0 } detail ? detail : null,
                reachable);
        }
        finally
        {
            Interlocked.Decrement(ref underWay);
        }
    }

    /// <returns>Null where it connects; otherwise the step that failed and what to do.</returns>
    private async Task<string?> TryConnect(Uri url, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var step = "name resolution";
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(url.IdnHost, either.Token);
            step = "TCP connect";
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(addresses, url.Port, either.Token);
            if (url.Scheme == Uri.UriSchemeHttps)
            {
                step = "TLS";
                await using var tls = new SslStream(new OffSocketThreadStream(new NetworkStream(socket, ownsSocket: false)));
                await tls.AuthenticateAsClientAsync(WorkerTls.OptionsFor(url.IdnHost), either.Token);
            }

            return null;
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return Explain(step, e, url);
        }
    }

    private static string Explain(string step, Exception e, Uri url) => (step, e) switch
    {
        ("name resolution", _) =>
            $"name resolution failed: this gateway does not know '{url.IdnHost}'. Put the worker on a network that the gateway "
            + "is on too, or register an IP address, or add one to 'urls'.",
        ("TCP connect", SocketException { SocketErrorCode: SocketError.ConnectionRefused }) =>
            $"TCP connect refused: nothing listens on port {url.Port} there. Start the worker before it registers, have it listen "
            + "on 0.0.0.0 rather than 127.0.0.1, and check the port.",
        ("TCP connect", OperationCanceledException) =>
            $"TCP connect got no answer within {Limit.TotalSeconds:0} s: a firewall drops it, or this gateway has no route there. "
            + "Add an address to 'urls' that this gateway can reach, such as a published port.",
        ("TCP connect", _) =>
            $"TCP connect failed ({e.Message}). Add an address to 'urls' that this gateway can reach.",
        (_, OperationCanceledException) =>
            $"TLS handshake got no answer within {Limit.TotalSeconds:0} s. Does the worker speak HTTPS on this port?",
        _ => $"TLS handshake failed ({e.Message}). Use a certificate that this gateway trusts, or an http URL.",
    };
}
