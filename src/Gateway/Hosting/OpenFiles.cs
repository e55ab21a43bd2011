using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// How much of what this process may have open (RLIMIT_NOFILE, getrlimit(2)) its connections may take. The runtime ends a
/// process that has nothing left where it has to open a library or to map code, so clients must not be able to get it
/// there. A descriptor is the lowest number that is free (POSIX.1-2017, section 2.14): that of a new connection says how
/// many there are, at least, whoever has them.
/// </summary>
internal sealed class OpenFiles
{
    /// <summary>What a gateway needs for itself: its libraries alone are some 270.</summary>
    private const int Least = 1024;

    /// <summary>For files, the database, silos, and whatever else is neither a client nor a forwarded request.</summary>
    private const int MostReserved = 1024;

    private readonly Shortage shortage;

    /// <summary>With the limit of this process.</summary>
    /// <exception cref="MeshConfigurationException">It is too low for a gateway.</exception>
    public OpenFiles(Shortage shortage)
        : this(File.Exists("/proc/self/limits") ? LimitIn(File.ReadAllText("/proc/self/limits")) : int.MaxValue, shortage)
    {
    }

    internal OpenFiles(int most, Shortage shortage)
    {
        if (most < Least)
        {
            throw new MeshConfigurationException(
                $"this process may have {most} files open, connections included, and needs {Least} at least. Raise it "
                + "(ulimit -n, LimitNOFILE of systemd, ulimits of a container).");
        }

        this.shortage = shortage;
        Name = $"open files (ulimit -n {most})";
        MostForWorkers = most - Math.Min(most / 8, MostReserved);
        // A client's request needs a connection to a worker besides.
        MostForClients = MostForWorkers / 4 * 3;
    }

    /// <summary>What there is too little of, for messages.</summary>
    public string Name { get; }

    /// <summary>With so many files open nothing further is opened for others.</summary>
    public int MostForWorkers { get; }

    /// <summary>With so many files open no further client is served.</summary>
    public int MostForClients { get; }

    /// <summary>Whether a connection that has just come may stay.</summary>
    public Admittance Admit(Socket client) => DescriptorOf(client) switch
    {
        var descriptor when descriptor < MostForClients => Admittance.Served,
        var descriptor when descriptor < MostForWorkers => Admittance.Answered,
        _ => Admittance.Refused,
    };

    /// <summary>A socket for a connection to a worker.</summary>
    /// <exception cref="SocketException">
    /// With <see cref="SocketError.TooManyOpenSockets"/>: there are as many as there may be.
    /// </exception>
    public Socket OpenToWorker()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (DescriptorOf(socket) < MostForWorkers)
        {
            return socket;
        }

        socket.Dispose();
        shortage.Warn(Name);
        throw new SocketException((int)SocketError.TooManyOpenSockets);
    }

    /// <summary>Whether a connection could not be made because this machine has nothing to make it of.</summary>
    public static bool AreUsedUp(SocketError error) => error is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable;

    /// <summary>The limit in the text of /proc/PID/limits (proc(5)).</summary>
    internal static int LimitIn(string limits)
    {
        const string name = "Max open files";
        var line = limits.Split('\n').First(line => line.StartsWith(name, StringComparison.Ordinal));
        var soft = line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : int.MaxValue;
    }

    private static int DescriptorOf(Socket socket) => (int)HandleOf(socket).DangerousGetHandle();

    /// <summary>
    /// Its public properties mark a socket as one that others may use, and such a one is not connected to a name with
    /// several addresses.
    /// </summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_handle")]
    private static extern ref SafeSocketHandle HandleOf(Socket socket);
}
