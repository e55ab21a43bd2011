using System.Text.Json;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Workers of one service type that were registered at one gateway, by the coordinator API; unregistered at the end.</summary>
internal sealed class GatewayService(Api api, string name) : IAsyncDisposable
{
    private readonly List<string> _ids = [];

    public string Name => name;

    public string IdOf(string worker) => $"{name}.{worker}";

    /// <summary>Registers a worker, and waits until this gateway finds it.</summary>
    public async Task RegisterAsync(string worker, string url, string capabilities)
    {
        var id = IdOf(worker);
        _ids.Add(id);
        using var json = JsonDocument.Parse(capabilities);
        (await api.PostAsync(
            "/api/worker/register",
            new { worker_id = id, tunnel_url = url, capabilities = json.RootElement, services = new[] { new { name } } }))
            .Expect(200);
        await Eventually.Holds(
            $"{id} is found",
            () => api.GetAsync($"/api/services/discover/{name}"),
            found => found.Status == 200 && found.Json.GetProperty("workers").EnumerateArray()
                .Any(w => w.GetProperty("worker_id").GetString() == id));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var id in _ids)
        {
            await api.DeleteAsync($"/api/worker/unregister/{id}");
        }
    }
}
