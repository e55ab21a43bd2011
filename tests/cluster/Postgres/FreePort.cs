using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>
/// Ports of the loopback to listen at, each given out once by this process. They lie above those that the kernel gives to
/// whoever connects (to 60999, unless it was told otherwise) and those that silos choose from, so that what is started
/// again finds its port still free.
/// </summary>
internal static class FreePort
{
    private const int First = 61_000;
    private const int Count = 4_500;

    private static int _given = Random.Shared.Next(Count);

    public static int Take()
    {
        for (var attempt = 0; attempt < Count; attempt++)
        {
            var port = First + (Interlocked.Increment(ref _given) % Count);
            if (IsFree(port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"None of the ports {First} to {First + Count - 1} is free.");
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
