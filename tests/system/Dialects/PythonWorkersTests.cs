namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Workers of the first system, unchanged: they register once by capability, find each other and call each other.</summary>
public abstract class PythonWorkersTests(DialectMesh mesh) : IAsyncLifetime
{
    private readonly List<PythonWorker> _workers = [];

    public async ValueTask InitializeAsync()
    {
        await StartAsync("py-gpu", new { has_gpu = true, gpu_memory = "24GB" });
        await StartAsync("py-cpu", new { worker_type = "cpu", cpu_cores = 8 });
        await StartAsync("py-storage", new { has_storage = true });
        await StartAsync("py-edge", new { has_edge = true, has_public_ip = true });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers)
        {
            await worker.DisposeAsync();
            await mesh.Gateways[0].DeleteAsync($"/api/worker/unregister/{worker.Id}");
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task All_find_and_call_each_other_and_carry_on_when_one_is_killed()
    {
        Assert.Equal(
            ["llm-inference", "vision-ocr", "rag-embeddings", "ner-extraction", "document-processing", "notes-coa"],
            _workers[0].Services);
        Assert.Equal(["ner-extraction", "document-processing", "notes-coa"], _workers[1].Services);
        Assert.Equal(["chromadb", "redis", "postgres"], _workers[2].Services);
        Assert.Equal(["coordinator", "edge-proxy", "load-balancer"], _workers[3].Services);
        await AllReachEachOtherAsync();

        var gone = _workers[0];
        await gone.Process.KillAsync();
        _workers.RemoveAt(0);

        foreach (var worker in _workers)
        {
            var said = await Eventually.Holds(
                $"{worker.Id} finds nobody for llm-inference",
                () => worker.CallAsync("llm-inference"),
                said => said.GetProperty("status").GetInt32() == 503);
            Assert.NotEmpty(said.GetProperty("detail").GetString()!);
        }

        await AllReachEachOtherAsync();
        await Task.WhenAll(_workers.Select(w => w.BeatsAsync()));
        Assert.All(_workers, w => Assert.All(w.Heartbeats, h => Assert.Equal("200", h.Status)));
        // What the dead one shared is still served by the other.
        Assert.Equal(
            ["py-cpu"],
            (await _workers[1].CallAsync("ner-extraction")).GetProperty("found").EnumerateArray().Select(f => f.GetString()));
        (await mesh.Gateways[^1].DeleteAsync($"/api/worker/unregister/{gone.Id}")).Expect(200);
        await gone.DisposeAsync();
    }

    [Fact]
    public async Task Nobody_has_to_register_again_after_a_restart_of_everything()
    {
        await Task.WhenAll(_workers.Select(w => w.BeatsAsync()));
        await mesh.KillAsync();
        await mesh.RestartAsync();

        await Task.WhenAll(_workers.Select(w => w.BeatsAsync()));
        await AllReachEachOtherAsync();
        await Task.WhenAll(_workers.Select(w => w.BeatsAsync()));
        foreach (var worker in _workers)
        {
            // Nobody answers while nothing runs, and the cluster may not be ready at once; but nobody is ever unknown.
            Assert.DoesNotContain(worker.Heartbeats, h => h.Status.StartsWith('4'));
            Assert.Single(worker.Process.Log.Split('\n'), line => line.StartsWith("registered", StringComparison.Ordinal));
        }
    }

    private async Task StartAsync(string id, object capabilities) =>
        _workers.Add(await PythonWorker.StartAsync(mesh.Gateways[_workers.Count % mesh.Gateways.Count], id, capabilities));

    private async Task AllReachEachOtherAsync()
    {
        foreach (var worker in _workers)
        {
            foreach (var other in _workers.Where(w => w != worker))
            {
                await worker.ReachesAsync(other, other.Services[^1]);
            }
        }
    }
}

public sealed class PythonWorkersEmbeddedTests(EmbeddedDialectMesh mesh)
    : PythonWorkersTests(mesh), IClassFixture<EmbeddedDialectMesh>;

public sealed class PythonWorkersClusterTests(ClusterDialectMesh mesh)
    : PythonWorkersTests(mesh), IClassFixture<ClusterDialectMesh>;
