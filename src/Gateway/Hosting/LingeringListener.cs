using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// A listener that, when the server stops, closes its port first and gives the clients on open connections a while to
/// leave. Kestrel by itself closes idle connections in the same moment as the port, and a request that a client is just
/// sending on one of them gets no answer.
/// </summary>
internal sealed class LingeringListener(IConnectionListener inner, GatewayShutdown shutdown) : IConnectionListener
{
    public EndPoint EndPoint => inner.EndPoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        var connection = await inner.AcceptAsync(cancellationToken);
        if (connection is not null)
        {
            shutdown.OnOpened();
            connection.ConnectionClosed.Register(static s => ((GatewayShutdown)s!).OnClosed(), shutdown);
        }

        return connection;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await inner.UnbindAsync(cancellationToken);
        await shutdown.Linger(cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>Makes them, from Kestrel's own for sockets.</summary>
internal sealed class LingeringTransport(SocketTransportFactory sockets, GatewayShutdown shutdown)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new LingeringListener(await sockets.BindAsync(endpoint, cancellationToken), shutdown);

    public bool CanBind(EndPoint endpoint) => sockets.CanBind(endpoint);
}
