using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// A server in the test process, on loopback, that has each connection served, and closes it then. That the other side
/// closes first is no fault.
/// </summary>
internal sealed class TcpServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<TcpClient, Task> _serve;

    public TcpServer(Func<TcpClient, Task> serve)
    {
        _serve = serve;
        _listener.Start();
        EndPoint = _listener.LocalEndpoint;
        _ = AcceptAsync();
    }

    public EndPoint EndPoint { get; }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            await _serve(client);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // The gateway closed the connection, or the test ends.
        }
    }
}
