using System.Diagnostics;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A service type of one test, and its workers, which are unregistered at the end.</summary>
public sealed class Service(Mesh mesh, string name) : IAsyncDisposable
{
    private readonly HashSet<string> _registered = [];

    public string Name => name;

    /// <summary>Where requests to it go.</summary>
    public string Path => $"/service/{name}";

    public string IdOf(WorkerProcess worker) => IdOf(worker.Name);

    /// <summary>An id that only this service type's tests use.</summary>
    public string IdOf(string worker) => $"{name}.{worker}";

    /// <summary>What is sent to register; a member that is given replaces the default of that name.</summary>
    public Dictionary<string, object?> Registration(string url, params (string Name, object? Value)[] members)
    {
        var body = new Dictionary<string, object?>
        {
            ["url"] = url,
            ["services"] = (string[])[name],
            // Longer than any test: leases run out only where a test wants them to.
            ["lease_seconds"] = 600,
        };
        foreach (var (member, value) in members)
        {
            body[member] = value;
        }

        return body;
    }

    /// <summary>
    /// Registers a worker at the first gateway, and waits until every gateway knows; returns its incarnation.
    /// </summary>
    public async Task<long> RegisterAsync(WorkerProcess worker, params (string Name, object? Value)[] members)
    {
        var answer = await PutAsync(mesh.Api, IdOf(worker), Registration(worker.Url, members));
        Assert.True(answer.Status is 200 or 201, answer.ToString());
        var incarnation = answer.Json.GetProperty("incarnation").GetInt64();
        await EverywhereAsync(
            $"{IdOf(worker)} with incarnation {incarnation}",
            list => Find(list, IdOf(worker)) is { } found
                && found.GetProperty("incarnation").GetInt64() == incarnation);
        return incarnation;
    }

    /// <summary>Registers something, and remembers to unregister it.</summary>
    public Task<Answer> PutAsync(Api api, string id, object body)
    {
        Remember(id);
        return api.PutAsync($"/api/workers/{id}", body);
    }

    public void Remember(string id)
    {
        lock (_registered)
        {
            _registered.Add(id);
        }
    }

    /// <summary>The workers of it, as a gateway lists them.</summary>
    public async Task<JsonElement> ListAsync(Api api) =>
        (await api.GetAsync($"/api/services/{name}")).Expect(200).Json;

    public static JsonElement? Find(JsonElement list, string id) => list.GetProperty("workers").EnumerateArray()
        .Cast<JsonElement?>().SingleOrDefault(w => w!.Value.GetProperty("worker_id").GetString() == id);

    public static string? StateOf(JsonElement list, string id) =>
        Find(list, id)?.GetProperty("state").GetString();

    /// <summary>Waits until every gateway lists what is expected.</summary>
    public Task EverywhereAsync(string what, Func<JsonElement, bool> expected, TimeSpan? within = null) =>
        Task.WhenAll(mesh.Gateways.Select(g => ListsAsync(g.Api, what, expected, within)));

    /// <summary>Waits, by blocking queries, until a gateway lists what is expected.</summary>
    public async Task<JsonElement> ListsAsync(
        Api api, string what, Func<JsonElement, bool> expected, TimeSpan? within = null)
    {
        var limit = within ?? TimeSpan.FromSeconds(15);
        var clock = Stopwatch.StartNew();
        var list = await ListAsync(api);
        while (!expected(list))
        {
            var left = limit - clock.Elapsed;
            Assert.True(left > TimeSpan.Zero, $"Expected within {limit} at {api.Address}: {what}.\nActual: {list}");
            var wait = Math.Clamp(left.TotalSeconds, 0.001, 50);
            var index = list.GetProperty("index").GetInt64();
            var query = FormattableString.Invariant($"/api/services/{name}?index={index}&wait={wait:0.###}");
            list = (await api.GetAsync(query)).Expect(200).Json;
        }

        return list;
    }

    public async ValueTask DisposeAsync()
    {
        await Parallel.ForEachAsync(
            _registered, async (id, _) => await mesh.Api.DeleteAsync($"/api/workers/{id}"));
    }
}
