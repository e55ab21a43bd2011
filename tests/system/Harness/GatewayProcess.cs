namespace WorkerMesh.Tests.System.Harness;

/// <summary>A gateway in a process of its own, and a client of it.</summary>
public sealed class GatewayProcess : IAsyncDisposable
{
    private GatewayProcess(ChildProcess process, Api api)
    {
        Process = process;
        Api = api;
    }

    public ChildProcess Process { get; }

    public Api Api { get; }

    /// <summary>Starts it and waits until it listens, which is not yet to say that it is ready.</summary>
    public static async Task<GatewayProcess> ListenAsync(string name, IReadOnlyDictionary<string, string> settings)
    {
        const string listening = "Now listening on: ";
        var process = ChildProcess.Start(name, Programs.Gateway, ["--urls", "http://127.0.0.1:0"], settings);
        try
        {
            var line = await process.LineAsync(listening);
            var address = line[(line.IndexOf(listening, StringComparison.Ordinal) + listening.Length)..];
            return new(process, new Api(new Uri(address)));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it and waits until it can serve.</summary>
    public static async Task<GatewayProcess> StartAsync(string name, IReadOnlyDictionary<string, string> settings)
    {
        var gateway = await ListenAsync(name, settings);
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

    public async Task ReadyAsync()
    {
        await Process.LineAsync("reaches the cluster");
        await Eventually.Equals("/health/ready", 200, async () => (await Api.GetAsync("/health/ready")).Status);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Process.DisposeAsync();
    }
}
