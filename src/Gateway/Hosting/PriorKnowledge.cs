using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Lets one plaintext address speak HTTP/1.1 and, to clients with prior knowledge (RFC 9113, section 3.3), HTTP/2: such
/// a client begins with a preface that is no HTTP/1.1 request. Kestrel by itself takes each connection without TLS that
/// may be either for HTTP/1.1. Where the address has TLS, ALPN chooses, and this stays out of the way.
/// </summary>
internal sealed class PriorKnowledge(ConnectionDelegate next, ListenOptions endpoint, TimeSpan patience, TimeProvider clock)
{
    private const string ProtocolsFeature =
        "Microsoft.AspNetCore.Server.Kestrel.Core.Internal.HttpProtocolsFeature, Microsoft.AspNetCore.Server.Kestrel.Core";

    /// <summary>
    /// Kestrel's own way of saying that one connection's protocols differ from its address's, which it uses for server
    /// names. Not public: where a release moves it, the gateway ends at start and does not lose HTTP/2 silently.
    /// </summary>
    private readonly object http2Only = NewProtocolsFeature(HttpProtocols.Http2);

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <summary>Has it look at the beginning of each connection to every address.</summary>
    public static void Use(KestrelServerOptions kestrel, TimeProvider clock) => kestrel.ConfigureEndpointDefaults(endpoint =>
        endpoint.Use(next => new PriorKnowledge(next, endpoint, kestrel.Limits.KeepAliveTimeout, clock).OnConnection));

    public Task OnConnection(ConnectionContext connection) => MayBeEither() ? Choose(connection) : next(connection);

    private bool MayBeEither() =>
        endpoint.Protocols.HasFlag(HttpProtocols.Http1 | HttpProtocols.Http2)
        && endpoint.ToString()!.StartsWith("http:", StringComparison.Ordinal);

    private async Task Choose(ConnectionContext connection)
    {
        if (await BeginsWithPreface(connection))
        {
            connection.Features[http2Only.GetType()] = http2Only;
        }

        await next(connection);
    }

    /// <summary>
    /// Reads no further than it takes to know. A connection that stays silent, or that the server closes meanwhile, is
    /// left to Kestrel as it is.
    /// </summary>
    private async Task<bool> BeginsWithPreface(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        using var silent = new CancellationTokenSource(patience, clock);
        using var onSilent = silent.Token.UnsafeRegister(static i => ((PipeReader)i!).CancelPendingRead(), input);
        var lifetime = connection.Features.Get<IConnectionLifetimeNotificationFeature>();
        using var onClose = lifetime?.ConnectionClosedRequested
            .UnsafeRegister(static i => ((PipeReader)i!).CancelPendingRead(), input) ?? default;
        while (true)
        {
            ReadResult read;
            try
            {
                read = await input.ReadAsync(CancellationToken.None);
            }
            catch (IOException)
            {
                // The client has gone, which is Kestrel's to see.
                return false;
            }

            var whole = read.Buffer.Length >= Preface.Length;
            var matches = Matches(read.Buffer);
            if (whole || !matches || read.IsCompleted || read.IsCanceled)
            {
                // Nothing of it is consumed.
                input.AdvanceTo(read.Buffer.Start);
                return whole && matches;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static bool Matches(ReadOnlySequence<byte> received)
    {
        Span<byte> first = stackalloc byte[Preface.Length];
        var length = (int)Math.Min(received.Length, Preface.Length);
        received.Slice(0, length).CopyTo(first);
        return Preface.StartsWith(first[..length]);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    [return: UnsafeAccessorType(ProtocolsFeature)]
    private static extern object NewProtocolsFeature(HttpProtocols protocols);
}
