using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Silo.Networking;

/// <summary>Which of this machine's addresses the others can reach.</summary>
internal static class RouteAddress
{
    /// <summary>
    /// The local address on the route to the database. Orleans by itself would take the numerically smallest address of all
    /// interfaces, which on several networks may be one that the other silos are not on.
    /// </summary>
    /// <param name="servers">
    /// Its servers. The first that there is a route to counts: the name of one that is down may not resolve.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SocketException">No name resolves, or there is no route.</exception>
    public static async Task<IPAddress> ToDatabase(IReadOnlyList<DatabaseServer> servers, CancellationToken cancellationToken)
    {
        List<SocketException> failures = [];
        foreach (var server in servers)
        {
            try
            {
                // The database is on this machine, and so, for it, is everybody.
                return server.IsLocalSocket ? IPAddress.Loopback : await To(server, cancellationToken);
            }
            catch (SocketException e)
            {
                failures.Add(e);
            }
        }

        throw failures[0];
    }

    private static async Task<IPAddress> To(DatabaseServer server, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(server.Host, cancellationToken);
        var target = addresses.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
        // Connecting a datagram socket only looks the route up; nothing is sent.
        using var socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(new IPEndPoint(target, server.Port), cancellationToken);
        return ((IPEndPoint)socket.LocalEndPoint!).Address;
    }
}
