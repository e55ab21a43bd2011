using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace WorkerMesh.Tests.Compose;

/// <summary>The stack of compose/docker-compose.yml as users start it, on a bridge network: 3 silos, 2 gateways.</summary>
public sealed class Stack : IAsyncLifetime
{
    public const string Username = "operator";
    public const string Password = "seen-by-tests-only";
    private const string Project = "workermesh-test";
    private const int Silos = 3;
    private const int GatewayCount = 2;
    private const int Texts = 2;
    private static readonly Dictionary<string, string> Settings = new()
    {
        ["GATEWAY_PORTS"] = "18080-18089",
        ["DASHBOARD_USERNAME"] = Username,
        ["DASHBOARD_PASSWORD"] = Password,
    };

    private readonly List<Api> _apis = [];
    private string[] _compose = [];

    /// <summary>Why there is no stack; null where there is one.</summary>
    public string? Missing { get; private set; }

    /// <summary>From <c>up</c>, with the images built and nothing else there, to the first forwarded request.</summary>
    public TimeSpan ColdStart { get; private set; }

    /// <summary>
    /// What this machine takes to run one container in which .NET starts and ends: a measure of how fast it is, the
    /// median of five.
    /// </summary>
    public TimeSpan OneContainer { get; private set; }

    /// <summary>The repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Clients of both gateways, by the containers' own addresses.</summary>
    public IReadOnlyList<Api> Gateways => _apis;

    public Api Api => _apis[0];

    public async ValueTask InitializeAsync()
    {
        Missing = await Docker.WhyMissingAsync();
        if (Missing is not null)
        {
            return;
        }

        _compose = await Docker.ComposeProgramAsync();
        await ComposeAsync("down", "-v", "--remove-orphans");
        await ComposeAsync("build");
        OneContainer = await MeasureOneContainerAsync();
        var clock = Stopwatch.StartNew();
        await UpAsync();
        await FindGatewaysAsync();
        await Eventually.Holds(
            "a request is forwarded", () => TryAsync(() => StatsAsync(Api)), a => a?.Status == 200, TimeSpan.FromMinutes(2));
        ColdStart = clock.Elapsed;
        TestContext.Current.SendDiagnosticMessage(
            $"Cold start to the first forwarded request: {ColdStart.TotalSeconds:0.0} s; one container: {OneContainer.TotalSeconds:0.00} s");
        await SettledAsync(Silos);
    }

    /// <summary>Brings the stack to so many silos, and as many of the others as there should be.</summary>
    public Task<string> UpAsync(int silos = Silos) => ComposeAsync(
        "up", "-d", "--no-recreate",
        "--scale", string.Create(CultureInfo.InvariantCulture, $"silo={silos}"),
        "--scale", string.Create(CultureInfo.InvariantCulture, $"gateway={GatewayCount}"),
        "--scale", string.Create(CultureInfo.InvariantCulture, $"text-stats={Texts}"));

    /// <summary>What tests begin with: everything up, whatever the one before broke.</summary>
    public async Task ReadyAsync()
    {
        Assert.SkipWhen(Missing is not null, Missing ?? "");
        if (!await IsUpAsync())
        {
            await UpAsync();
        }

        await FindGatewaysAsync();
        await SettledAsync(Silos);
    }

    /// <summary>Waits until every gateway is ready, sees so many active silos, and routes to every example worker.</summary>
    public async Task SettledAsync(int silos)
    {
        var limit = TimeSpan.FromMinutes(2);
        foreach (var api in _apis)
        {
            await Eventually.Equals(
                $"active silos at {api.Address}", silos, async () => await TryAsync(() => ActiveSilosAsync(api)), limit);
            foreach (var (service, count) in (IEnumerable<(string, int)>)[("text-stats", Texts), ("embeddings", 1), ("search", 1)])
            {
                await Eventually.Holds(
                    $"{count} online workers of {service}",
                    () => TryAsync(() => api.GetAsync($"/api/services/{service}?state=online")),
                    a => a?.Status == 200 && a.Json.GetProperty("count").GetInt32() == count,
                    limit);
            }
        }
    }

    public static async Task<int> ActiveSilosAsync(Api api) =>
        (await api.GetAsync("/api/peers")).Expect(200).Json.GetProperty("active_silos").GetInt32();

    /// <summary>Asks a Python worker to count words.</summary>
    public static Task<Answer> StatsAsync(Api api) => api.PostAsync("/service/text-stats/stats", """{"text":"one two two"}""");

    /// <summary>The ids of a service's running containers.</summary>
    public async Task<string[]> ContainersAsync(string service) =>
        [.. (await Docker.RunAsync(
            "ps", "-q", "--no-trunc",
            "--filter", $"label=com.docker.compose.project={Project}",
            "--filter", $"label=com.docker.compose.service={service}"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>The network that the stack shares.</summary>
    public static string Network => $"{Project}_default";

    /// <summary>A container's address on a network.</summary>
    public static async Task<string> AddressAsync(string container, string network)
    {
        using var networks = JsonDocument.Parse(
            await Docker.RunAsync("inspect", "--format", "{{json .NetworkSettings.Networks}}", container));
        return networks.RootElement.GetProperty(network).GetProperty("IPAddress").GetString()!;
    }

    public Task<string> ComposeAsync(params string[] arguments) => Docker.ProgramAsync(
        _compose[0],
        [.. _compose[1..], "-p", Project, "-f", Path.Combine(Root, "compose", "docker-compose.yml"), .. arguments],
        Settings);

    /// <summary>Null, or the default, where no answer came.</summary>
    public static async Task<T?> TryAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is HttpRequestException or IOException or Xunit.Sdk.XunitException)
        {
            return default;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _apis.ForEach(api => api.Dispose());
        if (Missing is null)
        {
            // To see why, where a test failed.
            var kept = Directory.CreateDirectory(Path.Combine(Root, "artifacts", "compose"));
            await File.WriteAllTextAsync(Path.Combine(kept.FullName, "stack.log"), await ComposeAsync("logs", "--no-color", "-t"));
            await ComposeAsync("down", "-v", "--remove-orphans");
        }
    }

    /// <summary>Whether as many of each run as <see cref="UpAsync"/> would start: much sooner known than from Compose.</summary>
    private static async Task<bool> IsUpAsync()
    {
        var running = await Docker.RunAsync(
            "ps", "--filter", $"label=com.docker.compose.project={Project}", "--format", "{{.Label \"com.docker.compose.service\"}}");
        return running.Split('\n', StringSplitOptions.RemoveEmptyEntries).CountBy(service => service).ToHashSet().SetEquals(
            new Dictionary<string, int>
            {
                ["postgres"] = 1,
                ["silo"] = Silos,
                ["gateway"] = GatewayCount,
                ["text-stats"] = Texts,
                ["embeddings"] = 1,
                ["search"] = 1,
            });
    }

    private static async Task<TimeSpan> MeasureOneContainerAsync()
    {
        var took = new List<TimeSpan>();
        while (took.Count < 5)
        {
            var clock = Stopwatch.StartNew();
            await Docker.RunAsync(
                "run", "--rm", "--entrypoint", "sh", "workermesh-gateway",
                "-c", "dotnet WorkerMesh.Gateway.dll --health http://127.0.0.1:1/ || true");
            took.Add(clock.Elapsed);
        }

        return took.Order().ElementAt(took.Count / 2);
    }

    private async Task FindGatewaysAsync()
    {
        _apis.ForEach(api => api.Dispose());
        _apis.Clear();
        foreach (var container in await ContainersAsync("gateway"))
        {
            _apis.Add(new Api(new Uri($"http://{await AddressAsync(container, Network)}:8080")));
        }
    }

    private static string FindRoot()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(here.FullName, "Cluster.sln")))
        {
            here = here.Parent ?? throw new InvalidOperationException("Not inside the repository.");
        }

        return here.FullName;
    }
}
