using System.Globalization;

namespace WorkerMesh.Tests.System.Monitoring;

/// <summary>The metrics of each worker, where workers come under new ids again and again.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class WorkerMetricsTests(EmbeddedMesh mesh)
{
    private const int Workers = 1_100;
    private const string Service = "many";
    private static readonly ParallelOptions Many = new() { MaxDegreeOfParallelism = 32 };

    [Fact]
    public async Task Workers_have_series_of_their_own_however_many_there_were_before()
    {
        await using var gateway = await mesh.StartGatewayAsync();
        foreach (var generation in (string[])["first", "second"])
        {
            var ids = Enumerable.Range(0, Workers)
                .Select(i => string.Create(CultureInfo.InvariantCulture, $"{generation}-{i}")).ToArray();
            await Parallel.ForEachAsync(ids, Many, async (id, _) => (await gateway.Api.PutAsync(
                $"/api/workers/{id}", new { url = "http://127.0.0.1:9", services = (string[])[Service] })).Expect(201));
            // Nobody answers there.
            (await gateway.Api.GetAsync($"/service/{Service}/x")).ExpectProblem(502);
            await Eventually.Holds(
                $"each worker of the {generation} has its series",
                () => SeriesAsync(gateway.Api),
                series => series.SetEquals(ids));
            await Parallel.ForEachAsync(ids, Many, async (id, _) => (await gateway.Api.DeleteAsync($"/api/workers/{id}")).Expect(204));
        }
    }

    [Fact]
    public async Task Service_types_have_series_of_their_own_for_each_state()
    {
        await using var gateway = await mesh.StartGatewayAsync();
        // Four series each: more than an instrument has room for by default.
        var types = Enumerable.Range(0, 600).Select(i => string.Create(CultureInfo.InvariantCulture, $"type-{i}")).ToArray();
        await Parallel.ForEachAsync(types, Many, async (type, _) =>
        {
            (await gateway.Api.PutAsync(
                $"/api/workers/{type}", new { url = "http://127.0.0.1:9", services = (string[])[type] })).Expect(201);
            (await gateway.Api.GetAsync($"/service/{type}/x")).ExpectProblem(502);
        });
        await Eventually.Holds(
            "each service type has its series",
            async () => (await gateway.Api.GetAsync("/metrics")).Expect(200).Text,
            text => types.All(type => text.Contains($"mesh_service=\"{type}\",mesh_state=\"online\"}} 1\n", StringComparison.Ordinal))
                && !text.Contains("overflow", StringComparison.Ordinal));
    }

    /// <summary>The workers, and what else has a value.</summary>
    private static async Task<HashSet<string>> SeriesAsync(Api api) => (await api.GetAsync("/metrics")).Expect(200).Text
        .Split('\n')
        .Where(line => line.StartsWith("mesh_worker_in_flight{", StringComparison.Ordinal))
        .Select(line => line.Split("mesh_worker=\"") is [_, var id] ? id.Split('"')[0] : line)
        .ToHashSet();
}
