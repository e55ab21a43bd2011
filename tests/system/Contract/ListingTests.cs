using System.Globalization;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Contract;

/// <summary>GET /api/workers.</summary>
public abstract class ListingTests(Mesh mesh)
{
    private const int Workers = 250;

    [Fact]
    public async Task Pages_hold_every_worker_once_in_order_and_filters_narrow_them()
    {
        await using var service = mesh.NewService("pages");
        await Parallel.ForAsync(0, Workers, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            var id = Id(service, i);
            service.Remember(id);
            var zone = i % 5 == 0 ? "rack-a" : "rack-b";
            var body = service.Registration($"http://127.0.0.1:{20000 + i}", ("zone", zone));
            (await mesh.Api.PutAsync($"/api/workers/{id}?check=false", body)).Expect(201);
        });
        var expected = Enumerable.Range(0, Workers).Select(i => Id(service, i)).ToList();

        Assert.Equal(expected, await ReadAsync($"service={service.Name}&limit=99", pages: 3));
        Assert.Equal(expected, await ReadAsync($"service={service.Name}", pages: 3));
        Assert.Equal(expected, await ReadAsync($"service={service.Name}&limit=1000", pages: 1));
        Assert.Equal(
            expected.Where((_, i) => i % 5 == 0), await ReadAsync($"service={service.Name}&zone=rack-a", pages: 1));
        Assert.Equal(expected[^1..], await ReadAsync($"service={service.Name}&after={expected[^2]}", pages: 1));
        Assert.Empty(await ReadAsync($"service={service.Name}&zone=rack-c", pages: 1));
        Assert.Empty(await ReadAsync("service=nobody-offers-this", pages: 1));
        // Not filtered: whatever else there is, these are among them, in order.
        var all = await ReadAsync("limit=150", pages: null);
        Assert.Equal(expected, all.Intersect(expected));
        Assert.Equal(all.Order(StringComparer.Ordinal), all);

        (await mesh.Api.PostAsync($"/api/workers/{expected[3]}/drain")).Expect(200);
        Assert.Equal([expected[3]], await ReadAsync($"service={service.Name}&state=draining", pages: null));
        Assert.Equal(Workers - 1, (await ReadAsync($"service={service.Name}&state=online", pages: null)).Count);
    }

    [Fact]
    public async Task A_page_describes_its_workers_as_the_worker_itself_is_described()
    {
        await using var service = mesh.NewService("page");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker, ("zone", "rack-a"));
        var page = (await mesh.Api.GetAsync($"/api/workers?service={service.Name}")).Expect(200).Json;
        Shape.Check("""{ "workers": [{ "worker_id": "string" }], "count": "number", "next": "string?" }""", page);
        var listed = Assert.Single(page.GetProperty("workers").EnumerateArray());
        var described = (await mesh.Api.GetAsync($"/api/workers/{service.IdOf(worker)}")).Expect(200).Json;
        Assert.Equal(WithoutTime(described), WithoutTime(listed));
    }

    private static string Id(Service service, int i) =>
        service.IdOf(string.Create(CultureInfo.InvariantCulture, $"w{i:000}"));

    private static IEnumerable<(string, string)> WithoutTime(JsonElement worker) =>
        worker.EnumerateObject().Where(m => m.Name != "lease").Select(m => (m.Name, m.Value.GetRawText()));

    private async Task<List<string>> ReadAsync(string query, int? pages)
    {
        var ids = new List<string>();
        var read = 0;
        for (string? after = ""; after is not null; read++)
        {
            // Each page from another gateway: the cursor is all that there is to go on from.
            var gateway = mesh.Gateways[read % mesh.Gateways.Count].Api;
            var page = (await gateway.GetAsync($"/api/workers?{query}{after}")).Expect(200).Json;
            var workers = page.GetProperty("workers").EnumerateArray().ToList();
            Assert.Equal(workers.Count, page.GetProperty("count").GetInt32());
            ids.AddRange(workers.Select(w => w.GetProperty("worker_id").GetString()!));
            after = page.GetProperty("next").GetString() is { } next ? $"&after={next}" : null;
        }

        if (pages is { } expected)
        {
            Assert.Equal(expected, read);
        }

        return ids;
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class ListingEmbeddedTests(EmbeddedMesh mesh) : ListingTests(mesh);

[Collection<OnCluster>]
public sealed class ListingClusterTests(ClusterMesh mesh) : ListingTests(mesh);
