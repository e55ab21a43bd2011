namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Workers that register by capability at the same moment, at both gateways of a cluster of their own.</summary>
public sealed class ManyAtOnceTests(ClusterMesh mesh) : IClassFixture<ClusterMesh>
{
    [Fact]
    public async Task Fifty_workers_are_given_what_they_would_be_given_one_after_the_other()
    {
        var workers = Kind("gpu", 20, new { has_gpu = true })
            .Concat(Kind("storage", 15, new { has_storage = true }))
            .Concat(Kind("edge", 15, new { has_edge = true }))
            .ToArray();
        Random.Shared.Shuffle(workers);
        var given = await Task.WhenAll(
            workers.Select((w, i) => RegisterAsync(mesh.Gateways[i % mesh.Gateways.Count].Api, w.Id, w.Capabilities)));

        Check(given, "llm-inference vision-ocr rag-embeddings ner-extraction document-processing notes-coa", [6, .. Ones(19)]);
        // Five services: three each until there are three in the tier, two each until there are five.
        Check(given, "chromadb redis postgres minio neo4j", [3, 3, 3, 2, 2, .. Ones(10)]);
        Check(given, "coordinator edge-proxy load-balancer", [3, 3, 2, .. Ones(12)]);
        await Eventually.Equals(
            "the number of critical gaps",
            0,
            async () => (await mesh.OtherApi.GetAsync("/api/admin/gaps")).Expect(200).Json.GetProperty("critical_gaps").GetInt32());
    }

    /// <summary>The workers of this kind got so many services each, and together an even share of all of them.</summary>
    private static void Check(string[][] given, string services, IEnumerable<int> counts)
    {
        var all = services.Split(' ');
        var those = given.Where(g => all.Contains(g[0])).ToList();
        Assert.Equal(counts, those.Select(g => g.Length).OrderDescending());
        var shares = those.SelectMany(g => g).CountBy(s => s).ToDictionary();
        Assert.Equal(all.Order(), shares.Keys.Order());
        Assert.InRange(shares.Values.Max() - shares.Values.Min(), 0, 1);
    }

    private static IEnumerable<int> Ones(int count) => Enumerable.Repeat(1, count);

    private static IEnumerable<(string Id, object Capabilities)> Kind(string name, int count, object capabilities) =>
        Enumerable.Range(0, count).Select(i => ($"{name}{i}", capabilities));

    private static async Task<string[]> RegisterAsync(Api gateway, string id, object capabilities)
    {
        var answer = await gateway.PostAsync(
            "/api/worker/register", new { worker_id = id, tunnel_url = "http://127.0.0.1:1", capabilities });
        return [.. answer.Expect(200).Json.GetProperty("assigned_services").EnumerateArray().Select(s => s.GetString()!)];
    }
}
