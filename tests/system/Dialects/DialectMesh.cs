using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>
/// A mesh for workers that know only its address and never register again: after a restart its gateways are at the same
/// addresses. Leases of the coordinator API are short.
/// </summary>
public abstract class DialectMesh : IAsyncLifetime
{
    private readonly List<GatewayProcess> _gateways = [];

    public IReadOnlyList<Api> Gateways => [.. _gateways.Select(g => g.Api)];

    protected Dictionary<string, string> Settings { get; } = new() { ["Assignment__CoordinatorLease"] = "00:00:03" };

    protected abstract int GatewayCount { get; }

    public virtual async ValueTask InitializeAsync()
    {
        for (var i = 0; i < GatewayCount; i++)
        {
            _gateways.Add(await GatewayProcess.StartAsync($"gateway{i}", Settings));
        }
    }

    /// <summary>SIGKILL to every process of the mesh at once.</summary>
    public virtual Task KillAsync() => Task.WhenAll(_gateways.Select(g => g.Process.KillAsync()));

    /// <summary>After <see cref="KillAsync"/>: the same again, on what was stored and at the same addresses.</summary>
    public virtual async Task RestartAsync()
    {
        var addresses = _gateways.Select(g => g.Api.Address.GetLeftPart(UriPartial.Authority)).ToList();
        await DisposeGatewaysAsync();
        foreach (var (i, address) in addresses.Index())
        {
            _gateways.Add(await GatewayProcess.StartAsync(
                $"gateway{i}", new Dictionary<string, string>(Settings) { ["Kestrel__Endpoints__Http__Url"] = address }));
        }
    }

    public virtual async ValueTask DisposeAsync()
    {
        await DisposeGatewaysAsync();
        GC.SuppressFinalize(this);
    }

    private async Task DisposeGatewaysAsync()
    {
        var gateways = _gateways.ToList();
        _gateways.Clear();
        foreach (var gateway in gateways)
        {
            await gateway.DisposeAsync();
        }
    }
}

/// <summary>Gateway and silo in one process.</summary>
public sealed class EmbeddedDialectMesh : DialectMesh
{
    private readonly string _directory = Guard.CreateDirectory();

    public EmbeddedDialectMesh() => Settings["Mesh__DataDirectory"] = _directory;

    protected override int GatewayCount => 1;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}

/// <summary>Three silos and two gateways.</summary>
public sealed class ClusterDialectMesh(SharedPostgres postgres) : DialectMesh
{
    private const int SiloCount = 3;
    private readonly List<SiloProcess> _silos = [];

    protected override int GatewayCount => 2;

    public override async ValueTask InitializeAsync()
    {
        var server = await postgres.StartAsync();
        Settings["ConnectionStrings__Cluster"] = await server.CreateDatabaseAsync(TestContext.Current.CancellationToken);
        _silos.AddRange(await Task.WhenAll(Enumerable.Range(0, SiloCount)
            .Select(i => SiloProcess.StartAsync($"silo{i}", Settings))));
        await base.InitializeAsync();
    }

    public override Task KillAsync() =>
        Task.WhenAll(_silos.Select(s => s.Process.KillAsync()).Append(base.KillAsync()));

    public override async Task RestartAsync()
    {
        var ports = _silos.Select(s => (s.SiloPort, s.GatewayPort)).ToList();
        await DisposeSilosAsync();
        _silos.AddRange(await Task.WhenAll(
            ports.Select((p, i) => SiloProcess.StartAsync($"silo{i}", Settings, p.SiloPort, p.GatewayPort))));
        await base.RestartAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await DisposeSilosAsync();
    }

    private async Task DisposeSilosAsync()
    {
        var silos = _silos.ToList();
        _silos.Clear();
        foreach (var silo in silos)
        {
            await silo.DisposeAsync();
        }
    }
}
