using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Monitoring;

/// <summary>What the dashboard of compose/grafana asks for is there.</summary>
public sealed partial class GrafanaTests(SharedPostgres postgres)
{
    [Fact]
    public async Task Every_metric_of_the_Grafana_dashboard_is_exported_by_a_gateway_or_a_silo_under_load()
    {
        var names = NamesAsked(Path.Combine(Root(), "compose", "grafana", "dashboards", "workermesh.json"));
        Assert.True(names.Count > 10, string.Join(", ", names));
        var token = TestContext.Current.CancellationToken;
        var port = FreePort.Take();
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__Cluster"] = await (await postgres.StartAsync()).CreateDatabaseAsync(token),
            ["Silo__MonitoringPort"] = port.ToString(CultureInfo.InvariantCulture),
        };
        await using var silo = await SiloProcess.StartAsync("metered silo", settings);
        await using var gateway = await GatewayProcess.StartAsync("metered gateway", settings);
        await using var worker = await WorkerProcess.StartAsync("metered worker");
        // One place, and two requests that need it: one of them waits, as the queue's metrics want to see.
        var body = new { url = worker.Url, services = (string[])["metered"], max_concurrency = 1 };
        (await gateway.Api.PutAsync("/api/workers/metered", body)).Expect(201);
        // And one that nobody listens for: requests that go there are tried again.
        var gone = new { url = "http://127.0.0.1:1", services = (string[])["metered"] };
        (await gateway.Api.PutAsync("/api/workers/gone?check=false", gone)).Expect(201);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => gateway.Api.GetAsync($"/service/metered/{i}")));

        using var silos = new Api(new Uri($"http://127.0.0.1:{port}"));
        (await silos.GetAsync("/health/live")).Expect(200);
        (await silos.GetAsync("/health/ready")).Expect(200);
        await Eventually.Equals(
            "what neither exports",
            "",
            async () => string.Join(", ", names
                .Except(Samples((await gateway.Api.GetAsync("/metrics")).Text))
                .Except(Samples((await silos.GetAsync("/metrics")).Text))));
        Assert.Contains("service_name=\"workermesh-silo\"", (await silos.GetAsync("/metrics")).Text, StringComparison.Ordinal);
    }

    private static HashSet<string> NamesAsked(string file)
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(file));
        return [.. dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .Where(panel => panel.TryGetProperty("targets", out _))
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
            .SelectMany(target => Name().Matches(Labels().Replace(target.GetProperty("expr").GetString()!, "")))
            .Select(match => match.Value)];
    }

    private static IEnumerable<string> Samples(string metrics) =>
        metrics.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line.Split('{', ' ')[0]);

    private static string Root()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(here.FullName, "Cluster.sln")))
        {
            here = here.Parent!;
        }

        return here.FullName;
    }

    [GeneratedRegex(@"\b(mesh|orleans|dotnet)_[a-z0-9_]+")]
    private static partial Regex Name();

    /// <summary>Where labels stand, which begin as names do.</summary>
    [GeneratedRegex(@"\{[^}]*\}|\bby \([^)]*\)")]
    private static partial Regex Labels();
}
