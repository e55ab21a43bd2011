using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A running mesh of real processes. Tests that share one keep to service types of their own.</summary>
public abstract class Mesh : IAsyncLifetime
{
    private readonly List<WorkerProcess> _workers = [];
    private int _services;

    /// <summary>The gateways: processes that have nothing but the cluster in common.</summary>
    public List<GatewayProcess> Gateways { get; } = [];

    /// <summary>A client of the first gateway.</summary>
    public Api Api => Gateways[0].Api;

    /// <summary>A client of the last gateway, in a cluster not the first one.</summary>
    public Api OtherApi => Gateways[^1].Api;

    /// <summary>What its processes wrote last, for messages.</summary>
    public virtual string Log => string.Join('\n', Gateways.Select(g => g.Process.Log));

    /// <summary>How many silos there are.</summary>
    public abstract int Silos { get; }

    public abstract ValueTask InitializeAsync();

    /// <summary>A gateway with settings of its own: of this cluster or, embedded, of a mesh of its own.</summary>
    public abstract Task<GatewayProcess> StartGatewayAsync(params (string Name, string Value)[] settings);

    /// <summary>SIGKILL to every process of the mesh at once.</summary>
    public abstract Task KillAsync();

    /// <summary>After <see cref="KillAsync"/>: the same again, on what was stored.</summary>
    public abstract Task RestartAsync();

    /// <summary>A service type that nobody else uses.</summary>
    public Service NewService(string name) =>
        new(this, string.Create(CultureInfo.InvariantCulture, $"{name}-{Interlocked.Increment(ref _services)}"));

    /// <summary>Worker processes that tests share, who leave them as they are.</summary>
    public async Task<WorkerProcess[]> WorkersAsync(int count)
    {
        while (_workers.Count < count)
        {
            _workers.Add(await WorkerProcess.StartAsync($"worker{_workers.Count}"));
        }

        return [.. _workers.Take(count)];
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable process in (IAsyncDisposable[])[.. _workers, .. Gateways])
        {
            await process.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }
}
