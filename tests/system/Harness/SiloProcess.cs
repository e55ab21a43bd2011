using System.Globalization;
using System.Text.RegularExpressions;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A silo in a process of its own.</summary>
public sealed partial class SiloProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Awaited from the start: in a storm of faults that line is soon none of the last ones, which are kept.</summary>
    private readonly Task<string> _active;

    private SiloProcess(ChildProcess process)
    {
        Process = process;
        _active = process.LineAsync("Silo active at ", Timeout.InfiniteTimeSpan);
    }

    public ChildProcess Process { get; }

    /// <summary>Its port for other silos, once it is active.</summary>
    public int SiloPort { get; private set; }

    /// <summary>Its port for gateways, once it is active.</summary>
    public int GatewayPort { get; private set; }

    /// <summary>Starts it; it may have to wait for its database.</summary>
    /// <param name="name">A name for messages.</param>
    /// <param name="settings">What it is configured with.</param>
    /// <param name="siloPort">Its port for other silos; 0 is a free one.</param>
    /// <param name="gatewayPort">Its port for gateways; 0 is a free one.</param>
    /// <param name="host">The network namespace that it runs in, if not the tests' own.</param>
    public static SiloProcess Launch(
        string name,
        IReadOnlyDictionary<string, string> settings,
        int siloPort = 0,
        int gatewayPort = 0,
        string? host = null)
    {
        var all = new Dictionary<string, string>
        {
            ["Silo__SiloPort"] = siloPort.ToString(CultureInfo.InvariantCulture),
            ["Silo__GatewayPort"] = gatewayPort.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        return new(host is null
            ? ChildProcess.Start(name, Programs.Silo, [], all)
            // It becomes the silo: "exec" starts no process of its own.
            : ChildProcess.Start(name, "ip", ["netns", "exec", host, Programs.Silo], all));
    }

    /// <summary>Starts it and waits until it is active.</summary>
    public static async Task<SiloProcess> StartAsync(
        string name, IReadOnlyDictionary<string, string> settings, int siloPort = 0, int gatewayPort = 0)
    {
        var silo = Launch(name, settings, siloPort, gatewayPort);
        try
        {
            await silo.ActiveAsync();
            return silo;
        }
        catch
        {
            await silo.DisposeAsync();
            throw;
        }
    }

    public async Task ActiveAsync(TimeSpan? within = null)
    {
        var limit = within ?? Patience;
        string line;
        try
        {
            line = await _active.WaitAsync(limit, TimeProvider.System, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"A silo was not active within {limit}.\n{Process.Log}", e);
        }

        var ports = Ports().Match(line);
        SiloPort = int.Parse(ports.Groups[1].Value, CultureInfo.InvariantCulture);
        GatewayPort = int.Parse(ports.Groups[2].Value, CultureInfo.InvariantCulture);
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    [GeneratedRegex(@"port (\d+) for silos, port (\d+) for gateways")]
    private static partial Regex Ports();
}
