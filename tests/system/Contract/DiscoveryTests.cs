using System.Diagnostics;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Contract;

/// <summary>GET /api/services and /api/services/{type}.</summary>
public abstract class DiscoveryTests(Mesh mesh)
{
    private const string Instances =
        """
        {
            "service": "string", "index": "number", "count": "number",
            "workers": [{
                "worker_id": "string", "url": "string", "urls": ["string"], "state": "string", "load": "number",
                "active_requests": "number", "capabilities": {}, "zone": "string?", "weight": "number",
                "max_concurrency": "number?", "incarnation": "number"
            }]
        }
        """;

    [Fact]
    public async Task Workers_are_listed_best_first_and_filters_narrow_them()
    {
        await using var service = mesh.NewService("find");
        var workers = await mesh.WorkersAsync(3);
        var ids = workers.Select(service.IdOf).ToArray();
        (string Zone, object Capabilities)[] registered =
        [
            ("rack-a", new { has_gpu = true, lang = (string[])["en", "fr"], vram = 24 }),
            ("rack-b", new { has_gpu = false, lang = (string[])["en"], vram = 8 }),
            ("rack-b", new { has_gpu = true, lang = "fr", vram = 7.9 }),
        ];
        foreach (var (worker, (zone, capabilities)) in workers.Zip(registered))
        {
            await service.RegisterAsync(worker, ("zone", zone), ("capabilities", capabilities));
        }

        await BeatAsync(ids[0], new { status = "degraded" });
        await BeatAsync(ids[1], new { current_load = 5 });
        await service.EverywhereAsync("the heartbeats", list => Service.StateOf(list, ids[0]) == "degraded"
            && Service.Find(list, ids[1])!.Value.GetProperty("load").GetDouble() == 5);
        foreach (var gateway in mesh.Gateways)
        {
            var list = await service.ListAsync(gateway.Api);
            Shape.Check(Instances, list);
            Assert.Equal(3, list.GetProperty("count").GetInt32());
            Assert.Equal([ids[2], ids[1], ids[0]], IdsOf(list));
            await ExpectAsync(gateway.Api, "capability=has_gpu", ids[2], ids[0]);
            await ExpectAsync(gateway.Api, "capability=lang:fr", ids[2], ids[0]);
            await ExpectAsync(gateway.Api, "capability=vram>=8", ids[1], ids[0]);
            await ExpectAsync(gateway.Api, "capability=vram%3C8", ids[2]);
            await ExpectAsync(gateway.Api, "capability=has_gpu&capability=vram>=8", ids[0]);
            await ExpectAsync(gateway.Api, "capability=no_such");
            await ExpectAsync(gateway.Api, "state=degraded", ids[0]);
            await ExpectAsync(gateway.Api, "state=online&zone=rack-b&capability=has_gpu", ids[2]);
            await ExpectAsync(gateway.Api, "zone=rack-b", ids[2], ids[1]);
        }

        async Task ExpectAsync(Api api, string query, params string[] expected)
        {
            var list = (await api.GetAsync($"/api/services/{service.Name}?{query}")).Expect(200).Json;
            Assert.Equal(expected, IdsOf(list));
            Assert.Equal(expected.Length, list.GetProperty("count").GetInt32());
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(300)]
    public async Task A_list_is_the_same_for_programs_and_for_pages_be_it_short_or_long(int length)
    {
        await using var service = mesh.NewService($"list{length}");
        var worker = (await mesh.WorkersAsync(1))[0];
        var ids = Enumerable.Range(0, length).Select(i => $"{service.Name}-{i}").ToList();
        await Parallel.ForEachAsync(
            ids, async (id, _) => (await service.PutAsync(mesh.Api, id, service.Registration(worker.Url))).Expect(201));
        await service.EverywhereAsync("all of them", list => list.GetProperty("count").GetInt32() == length);

        var path = $"/api/services/{service.Name}";
        var asked = (await mesh.Api.GetAsync(path)).Expect(200);
        var byPage = (await mesh.Api.SendAsync(HttpMethod.Get, path, null, ("Origin", "http://elsewhere"))).Expect(200);
        Assert.Equal(ids.Order(StringComparer.Ordinal), IdsOf(asked.Json).Order(StringComparer.Ordinal));
        Assert.Equal(asked.ContentType, byPage.ContentType);
        Assert.Equal(
            IdsOf(asked.Json).Order(StringComparer.Ordinal), IdsOf(byPage.Json).Order(StringComparer.Ordinal));
        Assert.Equal(405, (await mesh.Api.SendAsync(HttpMethod.Delete, path, null)).Status);
    }

    [Fact]
    public async Task A_service_type_that_nobody_offers_is_an_empty_list()
    {
        var list = (await mesh.Api.GetAsync("/api/services/nobody-offers-this")).Expect(200).Json;
        Shape.Check(Instances, list);
        Assert.Equal("nobody-offers-this", list.GetProperty("service").GetString());
        Assert.Empty(IdsOf(list));
    }

    [Fact]
    public async Task Service_types_are_counted_by_state()
    {
        await using var service = mesh.NewService("counted");
        var workers = await mesh.WorkersAsync(3);
        await Task.WhenAll(workers.Select(w => service.RegisterAsync(w)));
        await BeatAsync(service.IdOf(workers[0]), new { status = "degraded" });
        (await mesh.Api.PostAsync($"/api/workers/{service.IdOf(workers[1])}/drain")).Expect(200);
        foreach (var gateway in mesh.Gateways)
        {
            await Eventually.Equals(
                $"{service.Name} in /api/services",
                """{"total":3,"online":1,"degraded":1,"draining":1,"offline":0}""",
                async () => Counts((await gateway.Api.GetAsync("/api/services")).Expect(200).Json));
        }

        string? Counts(JsonElement body)
        {
            Shape.Check(
                """{ "services": [{ "service": "string", "workers": { "total": "number" } }], "count": "number" }""",
                body);
            Assert.Equal(body.GetProperty("services").GetArrayLength(), body.GetProperty("count").GetInt32());
            return body.GetProperty("services").EnumerateArray().Cast<JsonElement?>()
                .SingleOrDefault(s => s!.Value.GetProperty("service").GetString() == service.Name)
                ?.GetProperty("workers").GetRawText();
        }
    }

    [Fact]
    public async Task A_blocking_query_waits_for_a_change_answers_when_there_is_one_and_honours_wait()
    {
        await using var service = mesh.NewService("block");
        var workers = await mesh.WorkersAsync(2);
        await service.RegisterAsync(workers[0], ("zone", "rack-a"));
        foreach (var gateway in mesh.Gateways)
        {
            var index = (await service.ListAsync(gateway.Api)).GetProperty("index").GetInt64();
            // Another index than the current one, also one that never was: at once.
            Assert.InRange((await QueryAsync(gateway.Api, index - 1, wait: 30)).Took.TotalSeconds, 0, 5);
            Assert.InRange((await QueryAsync(gateway.Api, index + 1000, wait: 30)).Took.TotalSeconds, 0, 5);
            Assert.InRange((await QueryAsync(gateway.Api, 0, wait: 30)).Took.TotalSeconds, 0, 5);
            // Nothing happens: after the wait, with the same index.
            var (list, took) = await QueryAsync(gateway.Api, index, wait: 1);
            Assert.Equal(index, list.GetProperty("index").GetInt64());
            Assert.InRange(took.TotalSeconds, 0.9, 6);

            // Something that the filter hides happens, then something that it shows.
            var hidden = QueryAsync(gateway.Api, index, wait: 1.5, "&zone=rack-a");
            var shown = QueryAsync(gateway.Api, index, wait: 30);
            await service.RegisterAsync(workers[1], ("zone", "rack-b"));
            var (changed, soon) = await shown;
            Assert.InRange(soon.TotalSeconds, 0, 10);
            Assert.True(changed.GetProperty("index").GetInt64() > index);
            Assert.NotNull(Service.Find(changed, service.IdOf(workers[1])));
            Assert.InRange((await hidden).Took.TotalSeconds, 1.4, 10);
            (await mesh.Api.DeleteAsync($"/api/workers/{service.IdOf(workers[1])}")).Expect(204);
            await service.EverywhereAsync("one worker is left", l => l.GetProperty("count").GetInt32() == 1);
        }

        async Task<(JsonElement List, TimeSpan Took)> QueryAsync(Api api, long index, double wait, string filter = "")
        {
            var clock = Stopwatch.StartNew();
            var answer = await api.GetAsync(FormattableString.Invariant(
                $"/api/services/{service.Name}?index={index}&wait={wait}{filter}"));
            return (answer.Expect(200).Json, clock.Elapsed);
        }
    }

    private static IEnumerable<string> IdsOf(JsonElement list) =>
        list.GetProperty("workers").EnumerateArray().Select(w => w.GetProperty("worker_id").GetString()!);

    private async Task BeatAsync(string id, object beat) =>
        (await mesh.Api.PostAsync($"/api/workers/{id}/heartbeat", beat)).Expect(200);
}

[Collection<OnEmbeddedMesh>]
public sealed class DiscoveryEmbeddedTests(EmbeddedMesh mesh) : DiscoveryTests(mesh);

[Collection<OnCluster>]
public sealed class DiscoveryClusterTests(ClusterMesh mesh) : DiscoveryTests(mesh);
