using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>Three silos and two gateways, each a process of its own, on a new database.</summary>
public sealed class ClusterMesh(SharedPostgres postgres) : Mesh
{
    private const int SiloCount = 3;
    private const int GatewayCount = 2;

    private readonly List<SiloProcess> _silos = [];

    public override string Log => string.Join('\n', _silos.Select(s => s.Process.Log).Append(base.Log));

    public override int Silos => SiloCount;

    /// <summary>What its processes are configured with.</summary>
    public Dictionary<string, string> Settings { get; } = [];

    public override async ValueTask InitializeAsync()
    {
        var token = TestContext.Current.CancellationToken;
        Settings["ConnectionStrings__Cluster"] = await (await postgres.StartAsync()).CreateDatabaseAsync(token);
        _silos.AddRange(await Task.WhenAll(
            Enumerable.Range(0, SiloCount).Select(i => SiloProcess.StartAsync($"silo{i}", Settings, FreePort.Take(), FreePort.Take()))));
        await StartGatewaysAsync();
    }

    public override Task<GatewayProcess> StartGatewayAsync(params (string Name, string Value)[] settings) =>
        GatewayProcess.StartAsync(
            "gateway", Settings.Concat(settings.ToDictionary(s => s.Name, s => s.Value)).ToDictionary());

    public override Task KillAsync() => Task.WhenAll(
        _silos.Select(s => s.Process.KillAsync()).Concat(Gateways.Select(g => g.Process.KillAsync())));

    public override async Task RestartAsync()
    {
        await DisposeOfAsync([.. _silos, .. Gateways]);
        var started = await Task.WhenAll(
            _silos.Select((s, i) => SiloProcess.StartAsync($"silo{i}", Settings, s.SiloPort, s.GatewayPort)));
        _silos.Clear();
        _silos.AddRange(started);
        Gateways.Clear();
        await StartGatewaysAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await DisposeOfAsync([.. _silos]);
    }

    private async Task StartGatewaysAsync() => Gateways.AddRange(await Task.WhenAll(
        Enumerable.Range(0, GatewayCount).Select(i => GatewayProcess.StartAsync($"gateway{i}", Settings))));

    private static async Task DisposeOfAsync(IAsyncDisposable[] processes)
    {
        foreach (var process in processes)
        {
            await process.DisposeAsync();
        }
    }
}
