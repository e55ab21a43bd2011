using System.Globalization;

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>The programs of PostgreSQL, and under which user they run: as root they refuse.</summary>
internal sealed class PostgresBinaries
{
    public const string User = "mesh";

    private static readonly string[] AsPostgres =
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"];

    private readonly string _directory;
    private readonly string[] _prefix = Environment.UserName == "root" ? AsPostgres : [];

    private PostgresBinaries(string directory) => _directory = directory;

    /// <summary>From PATH, or else the newest of Debian's directories.</summary>
    public static PostgresBinaries Find()
    {
        var packages = new DirectoryInfo("/usr/lib/postgresql");
        var versions = packages.Exists ? packages.GetDirectories() : [];
        var directory = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Concat(versions
                .OrderByDescending(version => double.TryParse(
                    version.Name, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : 0)
                .Select(version => Path.Combine(version.FullName, "bin")))
            .FirstOrDefault(path => File.Exists(Path.Combine(path, "postgres"))
                && File.Exists(Path.Combine(path, "initdb")));
        var server = Path.Combine(
            directory ?? throw new InvalidOperationException(
                "These tests need PostgreSQL: no 'initdb' and 'postgres' in PATH or /usr/lib/postgresql/*/bin."),
            "postgres");
        // The other programs are where it is itself.
        return new PostgresBinaries(
            Path.GetDirectoryName(File.ResolveLinkTarget(server, returnFinalTarget: true)?.FullName ?? server)!);
    }

    /// <summary>
    /// Makes a cluster of databases whose default order is that of a language, not of code points, where it can: so a
    /// test sees it when a query leaves the order to the database.
    /// </summary>
    public async Task InitializeAsync(string data, CancellationToken cancellationToken)
    {
        var initdb = Path.Combine(_directory, "initdb");
        var help = await RunAsync(initdb, ["--help"], cancellationToken);
        string[] order = help.Contains("--icu-locale", StringComparison.Ordinal)
            ? ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]
            : ["--locale=C"];
        await RunAsync(
            initdb,
            ["-D", data, "-U", User, "-A", "trust", "-E", "UTF8", "--no-sync", .. order],
            cancellationToken);
    }

    /// <summary>Copies what a server on a port of the loopback has; started on it, another one follows that server.</summary>
    public Task CopyAsync(int port, string data, CancellationToken cancellationToken) => RunAsync(
        Path.Combine(_directory, "pg_basebackup"),
        [
            "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-U", User, "-D", data,
            "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
        ],
        cancellationToken);

    /// <summary>Starts a server; the process that is returned is the first of its processes itself.</summary>
    public ChildProcess Start(string data, int port, string address, string log)
    {
        string[] settings =
        [
            $"port={port.ToString(CultureInfo.InvariantCulture)}",
            $"listen_addresses={(address == "127.0.0.1" ? address : $"127.0.0.1,{address}")}",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=64MB",
        ];
        string[] command =
        [
            .. _prefix, "sh", "-c", """log=$1; shift; exec "$@" >>"$log" 2>&1""", "start", log,
            Path.Combine(_directory, "postgres"), "-D", data,
            .. settings.SelectMany(setting => (string[])["-c", setting]),
        ];
        return ChildProcess.Start(command[0], command[1..]);
    }

    public Task<string> RunAsync(string file, string[] arguments, CancellationToken cancellationToken)
    {
        string[] command = [.. _prefix, file, .. arguments];
        return ChildProcess.RunAsync(command[0], command[1..], cancellationToken);
    }
}
