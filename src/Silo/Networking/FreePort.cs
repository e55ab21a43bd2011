using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Silo.Networking;

/// <summary>Finds ports for silos that are told to pick one.</summary>
internal static class FreePort
{
    // Below the range from which Linux takes the ports of outgoing connections (32768 and up by default): nothing else
    // takes the port between the look and the use.
    private const int First = 10240;
    private const int End = 32768;

    /// <summary>A TCP port that was free a moment ago.</summary>
    /// <exception cref="InvalidOperationException">None was found.</exception>
    public static int Find()
    {
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            var port = Random.Shared.Next(First, End);
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Any, port));
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
            {
                // Try another.
            }
        }

        throw new InvalidOperationException($"No free TCP port found between {First} and {End - 1}.");
    }
}
