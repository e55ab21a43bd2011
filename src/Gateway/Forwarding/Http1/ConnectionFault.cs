using System.Net.Sockets;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>Tells what a connection throws that breaks, or is given up, from what is wrong here.</summary>
internal static class ConnectionFault
{
    public static bool Is(Exception e) => e is SocketException or ObjectDisposedException;
}
