using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using WorkerMesh.Grains.Time;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// How much of what this process may have open (RLIMIT_NOFILE, getrlimit(2)) its connections may take. The runtime ends a
/// process that has nothing left where it has to open a library or to map code, so clients must not be able to get it
/// there. A descriptor is the lowest number that is free (POSIX.1-2017, section 2.14): that of a new connection says how
/// many there are, at least, whoever has them.
/// </summary>
internal sealed partial class OpenFiles
{
    /// <summary>What a gateway needs for itself: its libraries alone are some 270.</summary>
    public const int Least = 1024;

    /// <summary>For files, the database, silos, and whatever else is neither a client nor a forwarded request.</summary>
    private const int MostReserved = 1024;

    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromSeconds(10);

    private readonly TimeProvider clock;
    private readonly ILogger<OpenFiles> logger;
    private readonly int most;
    private long refused;
    private long warnAtTicks;

    /// <summary>With the limit of this process.</summary>
    /// <exception cref="MeshConfigurationException">It is too low for a gateway.</exception>
    public OpenFiles(TimeProvider clock, ILogger<OpenFiles> logger)
        : this(File.Exists("/proc/self/limits") ? LimitIn(File.ReadAllText("/proc/self/limits")) : int.MaxValue, clock, logger)
    {
    }

    internal OpenFiles(int most, TimeProvider clock, ILogger<OpenFiles> logger)
    {
        if (most < Least)
        {
            throw new MeshConfigurationException(
                $"this process may have {most} files open, connections included, and needs {Least} at least. Raise it "
                + "(ulimit -n, LimitNOFILE of systemd, ulimits of a container).");
        }

        this.most = most;
        this.clock = clock;
        this.logger = logger;
        var reserved = Math.Min(most / 8, MostReserved);
        MostForWorkers = most - reserved;
        // A client's request needs a connection to a worker besides.
        MostForClients = MostForWorkers / 4 * 3;
    }

    /// <summary>With so many files open no further connection to a worker is made.</summary>
    public int MostForWorkers { get; }

    /// <summary>With so many files open no further client is let in.</summary>
    public int MostForClients { get; }

    /// <summary>Clients that were turned away.</summary>
    public long RefusedClients => Volatile.Read(ref refused);

    /// <summary>Whether a client that has just come may stay.</summary>
    public bool MayAdmit(Socket client)
    {
        if (DescriptorOf(client) < MostForClients)
        {
            return true;
        }

        Interlocked.Increment(ref refused);
        Warn();
        return false;
    }

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
        Warn();
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

    private void Warn()
    {
        var now = clock.Elapsed().Ticks;
        var due = Volatile.Read(ref warnAtTicks);
        if (now >= due && Interlocked.CompareExchange(ref warnAtTicks, now + BetweenWarnings.Ticks, due) == due)
        {
            LogUsedUp(most, RefusedClients);
        }
    }

    [LoggerMessage(3310, LogLevel.Warning,
        "There are nearly as many connections and files as this process may have open, {Limit}: further ones are refused "
        + "({Refused} clients so far). Raise the limit (ulimit -n), or add gateways.")]
    private partial void LogUsedUp(int limit, long refused);
}
