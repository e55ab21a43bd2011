using System.Net;
using System.Net.Sockets;
using WorkerMesh.Gateway.Forwarding.Http1;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Tests.Unit.Forwarding.Http1;

public sealed class ConnectionPoolTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_kernel_knows_at_once_that_a_worker_has_closed_a_connection_at_rest()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        for (var i = 0; i < 200; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(listener.LocalEndPoint!, Token);
            using var connection = new WorkerConnection(socket, TimeProvider.System);
            using var worker = await listener.AcceptAsync(Token);
            Assert.True(connection.TryRest(TimeProvider.System.Elapsed()));
            Assert.True(connection.IsSilentNow);

            worker.Dispose();

            Assert.False(connection.IsSilentNow);
        }
    }

    [Fact]
    public async Task A_connection_at_rest_is_used_again()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndPoint!, Token);
        using var worker = await listener.AcceptAsync(Token);
        using var connection = new WorkerConnection(socket, TimeProvider.System);
        var pool = new ConnectionPool(TimeProvider.System);
        pool.Return(connection);

        Assert.True(pool.TryRent(TimeProvider.System.Elapsed(), out var rented));
        Assert.Same(connection, rented);
        Assert.False(pool.TryRent(TimeProvider.System.Elapsed(), out _));
    }
}
