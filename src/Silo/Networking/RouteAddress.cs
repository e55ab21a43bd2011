using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Silo.Networking;

/// <summary>Which of this machine's addresses the others can reach.</summary>
internal static class RouteAddress
{
    /// <summary>
    /// The local address on the route to a host. Orleans by itself would take the numerically smallest address of all
    /// interfaces, which on several networks may be one that the other silos are not on.
    /// </summary>
    /// <exception cref="SocketException">The name does not resolve, or there is no route.</exception>
    public static async Task<IPAddress> To(string host, int port, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken);
        var target = addresses.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
        // Connecting a datagram socket only looks the route up; nothing is sent.
        using var socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(new IPEndPoint(target, port), cancellationToken);
        return ((IPEndPoint)socket.LocalEndPoint!).Address;
    }
}
