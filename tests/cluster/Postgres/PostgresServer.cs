using Npgsql;

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>
/// A PostgreSQL of its own for tests, in a temporary directory and on a free port of the loopback. Durable like a real
/// one (fsync is on), and it can be killed, frozen and started again. Gone after <see cref="DisposeAsync"/>, and also
/// when the test process dies before that. Linux only.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly string _directory;
    private readonly PostgresBinaries _binaries;
    private readonly string _address;
    private readonly ChildProcess _guard;
    private ChildProcess? _server;
    private int _databases;

    private PostgresServer(string directory, PostgresBinaries binaries, string address)
    {
        _directory = directory;
        _binaries = binaries;
        _address = address;
        Port = FreePort.Take();
        _guard = ChildProcess.Start("sh", ["-c", GuardScript, "guard", directory], redirectInput: true);
    }

    // Its input ends with the test process, however that ends.
    private const string GuardScript =
        """
        trap '' INT TERM HUP
        read -r _
        pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
        if [ -n "$pid" ]; then
            children=$(grep -ls "^PPid:[[:space:]]*$pid\$" /proc/[0-9]*/status | cut -d / -f 3)
            kill -KILL $pid $children 2>/dev/null
        fi
        rm -rf "$1"
        """;

    /// <summary>A name of which the server asks for a password, once somebody has made that user.</summary>
    public const string UserWithPassword = "secretive";

    public int Port { get; }

    /// <summary>Makes a server and waits until it answers.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="address">An address of this machine that it is reached at, beside the loopback.</param>
    public static Task<PostgresServer> CreateAsync(
        CancellationToken cancellationToken, string address = "127.0.0.1") => CreateAsync(
        async (binaries, data) =>
        {
            await binaries.InitializeAsync(data, cancellationToken);
            // Whoever reaches that address is one of the tests' own.
            await binaries.RunAsync(
                "sh",
                ["-c", $"echo host all all $1/16 trust >>$2/pg_hba.conf && sed -i '1i host all {UserWithPassword} all scram-sha-256' $2/pg_hba.conf", "hba", address, data],
                cancellationToken);
        },
        address,
        cancellationToken);

    /// <summary>Makes a server that follows this one, and can be read from meanwhile, and waits until it answers.</summary>
    public Task<PostgresServer> CreateReplicaAsync(CancellationToken cancellationToken) => CreateAsync(
        (binaries, data) => binaries.CopyAsync(Port, data, cancellationToken), _address, cancellationToken);

    /// <summary>A server that follows another one no longer does, and can be written to.</summary>
    public Task PromoteAsync(CancellationToken cancellationToken) => ExecuteAsync("SELECT pg_promote()", cancellationToken);

    /// <summary>A new, empty database; returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync($"CREATE DATABASE {name}", cancellationToken);
        return ConnectionString(name);
    }

    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = PostgresBinaries.User,
        Database = database,
        Timeout = 5,
        CommandTimeout = 30,
        MaxPoolSize = 20,
    }.ToString();

    /// <summary>
    /// Starts the server again after <see cref="KillAsync"/>, on the same port, and waits until it answers.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _server = _binaries.Start(Path.Combine(_directory, "data"), Port, _address, Path.Combine(_directory, "log"));
        using var limit = new CancellationTokenSource(StartTimeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var connectionString = new NpgsqlConnectionStringBuilder(ConnectionString("postgres")) { Pooling = false };
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(connectionString.ToString());
                await connection.OpenAsync(either.Token);
                return;
            }
            catch (NpgsqlException) when (!_server.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, either.Token);
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
            {
                var log = await File.ReadAllTextAsync(Path.Combine(_directory, "log"), cancellationToken);
                throw new InvalidOperationException($"PostgreSQL does not start:\n{log}", e);
            }
        }
    }

    /// <summary>SIGKILL to all its processes, as in a power cut.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        if (_server is not { } server)
        {
            return;
        }

        // The first one goes first; it would take the death of the others for a crash and start recovery.
        var processes = server.WithChildren();
        await ChildProcess.SignalAsync("KILL", processes, cancellationToken);
        await server.WaitForExitAsync(cancellationToken);
        // As long as one of them lives the next server refuses to start.
        while (processes.Any(ChildProcess.IsAlive))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, cancellationToken);
        }

        server.Dispose();
        _server = null;
    }

    /// <summary>SIGSTOP to all its processes: connections stay open, nothing answers.</summary>
    public Task FreezeAsync(CancellationToken cancellationToken) =>
        ChildProcess.SignalAsync("STOP", _server!.WithChildren(), cancellationToken);

    /// <summary>SIGCONT after <see cref="FreezeAsync"/>.</summary>
    public Task ThawAsync(CancellationToken cancellationToken) =>
        ChildProcess.SignalAsync("CONT", _server!.WithChildren(), cancellationToken);

    /// <summary>Whether it was started and not killed since.</summary>
    public bool IsStarted => _server is not null;

    public async ValueTask DisposeAsync()
    {
        await KillAsync(CancellationToken.None);
        _guard.CloseInput();
        await _guard.WaitForExitAsync(CancellationToken.None);
        _guard.Dispose();
    }

    /// <summary>Runs a statement as its operator, beside the tests' databases.</summary>
    public async Task ExecuteAsync(string statement, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(ConnectionString("postgres")) { Pooling = false }.ToString());
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<PostgresServer> CreateAsync(
        Func<PostgresBinaries, string, Task> fill, string address, CancellationToken cancellationToken)
    {
        var binaries = PostgresBinaries.Find();
        var directory = Path.Combine(Path.GetTempPath(), $"mesh-postgres-{Guid.NewGuid():N}");
        await binaries.RunAsync("mkdir", ["-m", "700", directory], cancellationToken);
        var server = new PostgresServer(directory, binaries, address);
        try
        {
            await fill(binaries, Path.Combine(directory, "data"));
            await server.StartAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }
}
