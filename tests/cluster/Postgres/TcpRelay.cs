using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>
/// Passes connections on to a port of the loopback, and can make those that exist silent: what is sent on them
/// vanishes, as after a failover that nobody announces, while new ones work.
/// </summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly int _target;
    private readonly Task _accepting;
    private volatile Generation _generation = new();

    public TcpRelay(int target)
    {
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void SilenceExistingConnections()
    {
        _generation.Silent = true;
        _generation = new Generation();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(RelayAsync(await _listener.AcceptTcpClientAsync(_stop.Token), _generation));
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task RelayAsync(TcpClient near, Generation generation)
    {
        using var far = new TcpClient();
        using (near)
        {
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, _target, _stop.Token);
                await Task.WhenAny(
                    PumpAsync(near.GetStream(), far.GetStream(), generation),
                    PumpAsync(far.GetStream(), near.GetStream(), generation));
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // Either end has gone; so does the other.
            }
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, Generation generation)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReadAsync(buffer, _stop.Token) is var count and > 0)
            {
                if (!generation.Silent)
                {
                    await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Either end has gone; so does the other.
        }
    }

    private sealed class Generation
    {
        public volatile bool Silent;
    }
}
