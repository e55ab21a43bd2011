using System.Collections.Concurrent;

namespace WorkerMesh.Tests.System.Jobs;

/// <summary>Whatever was acknowledged survives the death of every process. Each test has a mesh of its own.</summary>
public abstract class DurabilityTests(Mesh mesh)
{
    private const int Workers = 1000;
    private const int RegisteredTwice = 20;

    [Fact]
    public async Task Every_acknowledged_registration_survives_a_kill_of_every_process()
    {
        var acknowledged = new ConcurrentDictionary<string, long>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 32 };
        await Parallel.ForAsync(0, RegisteredTwice, parallel, async (i, _) => await RegisterAsync(i, acknowledged));
        await Parallel.ForAsync(0, Workers, parallel, async (i, _) => await RegisterAsync(i, acknowledged));
        await mesh.KillAsync();
        await mesh.RestartAsync();

        Assert.Equal(RegisteredTwice, acknowledged.Values.Count(incarnation => incarnation > 1));
        Assert.Equal(acknowledged.OrderBy(a => a.Key, StringComparer.Ordinal), await ReadAllAsync());
        await HeartbeatAllAsync(acknowledged);
    }

    private async Task RegisterAsync(int i, ConcurrentDictionary<string, long> acknowledged)
    {
        var id = $"durable-{i:0000}";
        var answer = await mesh.Gateways[i % mesh.Gateways.Count].Api.PutAsync(
            $"/api/workers/{id}?check=false",
            new
            {
                url = $"http://127.0.0.1:{20000 + i}",
                services = (string[])[$"durable-{i % 10}"],
                lease_seconds = 600,
            });
        Assert.True(answer.Status is 200 or 201, $"{answer}\n{mesh.Log}");
        acknowledged[id] = answer.Json.GetProperty("incarnation").GetInt64();
    }

    private async Task<List<KeyValuePair<string, long>>> ReadAllAsync()
    {
        var all = new List<KeyValuePair<string, long>>();
        for (string? next = ""; next is not null;)
        {
            var page = (await mesh.OtherApi.GetAsync($"/api/workers?limit=300{next}")).Expect(200).Json;
            all.AddRange(page.GetProperty("workers").EnumerateArray().Select(w => KeyValuePair.Create(
                w.GetProperty("worker_id").GetString()!, w.GetProperty("incarnation").GetInt64())));
            next = page.GetProperty("next").GetString() is { } after ? $"&after={after}" : null;
        }

        return all;
    }

    private async Task HeartbeatAllAsync(ConcurrentDictionary<string, long> acknowledged)
    {
        var answer = await mesh.Api.PostAsync(
            "/api/workers/heartbeats",
            new { workers = acknowledged.Select(a => new { worker_id = a.Key, incarnation = a.Value }) });
        Assert.Equal(Workers, answer.Expect(200).Json.GetProperty("renewed").GetInt32());
        Assert.All(
            answer.Json.GetProperty("results").EnumerateArray(),
            r => Assert.Equal("online", r.GetProperty("state").GetString()));
    }
}

public sealed class DurabilityEmbeddedTests(EmbeddedMesh mesh) : DurabilityTests(mesh), IClassFixture<EmbeddedMesh>;

public sealed class DurabilityClusterTests(ClusterMesh mesh) : DurabilityTests(mesh), IClassFixture<ClusterMesh>;
