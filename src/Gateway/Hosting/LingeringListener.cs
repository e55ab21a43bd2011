using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// A listener that, when the server stops, closes its port first and gives the clients on open connections a while to
/// leave. Kestrel by itself closes idle connections in the same moment as the port, and a request that a client is just
/// sending on one of them gets no answer. And one that turns clients away where there is no room for them, and keeps each
/// from holding up the others (<see cref="FairReader"/>).
/// </summary>
internal sealed class LingeringListener(IConnectionListener inner, GatewayShutdown shutdown, Admission admission) : IConnectionListener
{
    public EndPoint EndPoint => inner.EndPoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await inner.AcceptAsync(cancellationToken) is { } connection)
        {
            if (!admission.Admit(connection))
            {
                connection.Abort();
                await connection.DisposeAsync();
                continue;
            }

            connection.Transport = FairReader.Around(connection.Transport);
            shutdown.OnOpened();
            connection.ConnectionClosed.Register(static s => ((GatewayShutdown)s!).OnClosed(), shutdown);
            return connection;
        }

        return null;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await inner.UnbindAsync(cancellationToken);
        await shutdown.Linger(cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>Makes them, from Kestrel's own for sockets.</summary>
internal sealed class LingeringTransport(SocketTransportFactory sockets, GatewayShutdown shutdown, Admission admission)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new LingeringListener(await sockets.BindAsync(endpoint, cancellationToken), shutdown, admission);

    public bool CanBind(EndPoint endpoint) => sockets.CanBind(endpoint);
}
