using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A gateway in a process of its own, and a client of it.</summary>
public sealed class GatewayProcess : IAsyncDisposable
{
    private const string Listening = "Now listening on: ";

    private readonly string _name;
    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly int? _openFiles;
    private readonly List<string> _earlierFaults = [];

    private GatewayProcess(
        string name, IReadOnlyDictionary<string, string> settings, int? openFiles, ChildProcess process, Api api)
    {
        _name = name;
        _settings = settings;
        _openFiles = openFiles;
        Process = process;
        Api = api;
    }

    public ChildProcess Process { get; private set; }

    /// <summary>What it had no answer of its own for, in this process and those before.</summary>
    public IEnumerable<string> Faults => _earlierFaults.Concat(Process.Faults);

    /// <summary>A client of it, also after it was started again.</summary>
    public Api Api { get; }

    /// <summary>Starts it and waits until it listens, which is not yet to say that it is ready.</summary>
    /// <param name="name">A name for messages.</param>
    /// <param name="settings">What it is configured with.</param>
    /// <param name="openFiles">How many files it may have open, if not as many as the tests.</param>
    public static async Task<GatewayProcess> ListenAsync(
        string name, IReadOnlyDictionary<string, string> settings, int? openFiles = null)
    {
        var process = Launch(name, settings, openFiles, FreePort.Take());
        try
        {
            return new(name, settings, openFiles, process, new Api(await AddressAsync(process, "http")));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it and waits until it can serve.</summary>
    public static async Task<GatewayProcess> StartAsync(
        string name, IReadOnlyDictionary<string, string> settings, int? openFiles = null)
    {
        var gateway = await ListenAsync(name, settings, openFiles);
        try
        {
            await gateway.ReadyAsync();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where it listens with TLS, if it does.</summary>
    public Task<Uri> SecureAddressAsync() => AddressAsync(Process, "https");

    public async Task ReadyAsync()
    {
        await Process.LineAsync("reaches the cluster");
        await Eventually.Equals("/health/ready", 200, async () => (await Api.GetAsync("/health/ready")).Status);
    }

    /// <summary>After the process is gone: another one at the same address.</summary>
    /// <param name="untilReady">Whether to wait until it can serve, not only until it listens.</param>
    public async Task RestartAsync(bool untilReady = true)
    {
        await Process.DisposeAsync();
        _earlierFaults.AddRange(Process.Faults);
        Process = Launch(_name, _settings, _openFiles, Api.Address.Port);
        await Process.LineAsync(Listening);
        if (untilReady)
        {
            await ReadyAsync();
        }
    }

    private static async Task<Uri> AddressAsync(ChildProcess process, string scheme)
    {
        var said = $"{Listening}{scheme}://";
        var line = await process.LineAsync(said);
        return new($"{scheme}://{line[(line.IndexOf(said, StringComparison.Ordinal) + said.Length)..]}");
    }

    private static ChildProcess Launch(string name, IReadOnlyDictionary<string, string> settings, int? openFiles, int port)
    {
        string[] arguments = ["--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")];
        return openFiles is { } most
            ? ChildProcess.Start(
                name,
                "sh",
                ["-c", string.Create(CultureInfo.InvariantCulture, $"ulimit -n {most}; exec \"$0\" \"$@\""), Programs.Gateway, .. arguments],
                settings)
            : ChildProcess.Start(name, Programs.Gateway, arguments, settings);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Process.DisposeAsync();
    }
}
