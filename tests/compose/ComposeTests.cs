using System.Text;

namespace WorkerMesh.Tests.Compose;

/// <summary>The cluster as users run it: containers on Docker's bridge networks, scaled, killed and cut off.</summary>
public sealed class ComposeTests(Stack stack) : IClassFixture<Stack>
{
    private static readonly TimeSpan Recovery = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task The_first_request_is_forwarded_within_20_s_of_a_cold_start()
    {
        await stack.ReadyAsync();
        // It is some twenty containers' worth of work for the processors: a machine that is slow at one is slow at all.
        var limit = TimeSpan.FromSeconds(Math.Max(20, 35 * stack.OneContainer.TotalSeconds));
        Assert.True(stack.ColdStart < limit, $"{stack.ColdStart} of {limit}; one container takes {stack.OneContainer}.");
    }

    [Fact]
    public async Task Every_example_worker_is_found_by_its_containers_name_and_called_through_both_gateways()
    {
        await stack.ReadyAsync();
        Assert.Equal(2, stack.Gateways.Count);
        var names = (await stack.ContainersAsync("text-stats")).Select(id => id[..12]).ToHashSet();
        foreach (var api in stack.Gateways)
        {
            var found = (await api.GetAsync("/api/services/text-stats")).Expect(200).Json.GetProperty("workers").EnumerateArray()
                .Select(w => new Uri(w.GetProperty("url").GetString()!).Host).ToHashSet();
            Assert.Equal(names, found);
            Assert.Equal(3, (await Stack.StatsAsync(api)).Expect(200).Json.GetProperty("words").GetInt32());
            var embedded = await api.PostAsync("/service/embeddings/embed", """{"texts":["a b"]}""");
            Assert.Equal(64, embedded.Expect(200).Json.GetProperty("vectors")[0].GetArrayLength());
            // This one asks the embeddings worker through the mesh: worker to worker.
            var searched = await api.PostAsync(
                "/service/search/search", """{"query":"red apple","texts":["a blue car","an apple that is red"]}""");
            var best = searched.Expect(200).Json.GetProperty("results")[0].GetProperty("text").GetString();
            Assert.Equal("an apple that is red", best);
        }
    }

    [Fact]
    public async Task Nothing_of_it_has_privileges_or_writes_to_its_image()
    {
        await stack.ReadyAsync();
        foreach (var service in (string[])["silo", "gateway", "embeddings", "text-stats", "search"])
        {
            var container = (await stack.ContainersAsync(service))[0];
            // The effective capabilities, whether a program may gain any, and what can be written to.
            var said = await Docker.RunAsync(
                "exec",
                container,
                "sh",
                "-c",
                "id -u; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; touch /app/x 2>/dev/null || echo 'no /app'; touch /tmp/x && echo /tmp");
            Assert.Equal(
                "1654 CapEff: 0000000000000000 NoNewPrivs: 1 no /app /tmp",
                string.Join(' ', said.Split((char[])['\n', '\t'], StringSplitOptions.RemoveEmptyEntries)));
        }
    }

    [Fact]
    public async Task Silos_are_scaled_to_5_and_to_2_without_a_failed_request()
    {
        await stack.ReadyAsync();
        await using var load = new SteadyLoad(stack.Gateways);
        await stack.UpAsync(silos: 5);
        await stack.SettledAsync(5);
        await stack.UpAsync(silos: 2);
        await stack.SettledAsync(2);
        await load.ExpectNoErrorsAsync("silos 3 to 5 to 2");
    }

    [Fact]
    public async Task A_killed_silo_costs_no_request_and_is_forgotten()
    {
        await stack.ReadyAsync();
        await using var load = new SteadyLoad(stack.Gateways);
        await Docker.RunAsync("kill", (await stack.ContainersAsync("silo"))[0]);
        await stack.SettledAsync(2);
        await stack.UpAsync();
        await stack.SettledAsync(3);
        await load.ExpectNoErrorsAsync("a silo killed and replaced");
    }

    [Fact]
    public async Task A_killed_gateway_costs_what_it_had_in_flight_and_no_more()
    {
        await stack.ReadyAsync();
        var killed = (await stack.ContainersAsync("gateway"))[0];
        var other = stack.Gateways[1];
        await using var load = new SteadyLoad([other]);
        await Docker.RunAsync("kill", killed);
        await Eventually.Equals("the other serves", 200, async () => (await Stack.StatsAsync(other)).Status);
        await stack.UpAsync();
        await load.ExpectNoErrorsAsync("a gateway killed, at the other one");
    }

    [Fact]
    public async Task A_killed_workers_requests_go_to_the_other_one()
    {
        await stack.ReadyAsync();
        var killed = (await stack.ContainersAsync("text-stats"))[0];
        await Docker.RunAsync("kill", killed);
        // Its requests in flight are POSTs, which are not repeated: the load begins when it is gone.
        await using var load = new SteadyLoad(stack.Gateways);
        await Eventually.Equals(
            "online workers",
            1,
            async () => (await stack.Api.GetAsync("/api/services/text-stats?state=online")).Json.GetProperty("count").GetInt32(),
            Recovery);
        await load.ExpectNoErrorsAsync("a worker killed");
    }

    [Fact]
    public async Task Without_PostgreSQL_requests_are_forwarded_and_registering_says_503_until_it_is_back()
    {
        await stack.ReadyAsync();
        await using var load = new SteadyLoad(stack.Gateways);
        await Docker.RunAsync("kill", Assert.Single(await stack.ContainersAsync("postgres")));
        var body = new { url = "http://127.0.0.1:1", services = (string[])["none"] };
        var refused = await stack.Api.PutAsync("/api/workers/late?check=false", body);
        refused.ExpectProblem(503);
        Assert.NotNull(refused.Header("Retry-After"));
        await stack.UpAsync();
        await Eventually.Holds(
            "registering works", () => stack.Api.PutAsync("/api/workers/late?check=false", body), a => a.Status is 200 or 201, Recovery);
        await stack.SettledAsync(3);
        await load.ExpectNoErrorsAsync("PostgreSQL killed and started");
    }

    [Fact]
    public async Task A_silo_that_is_cut_off_the_network_rejoins()
    {
        await stack.ReadyAsync();
        await using var load = new SteadyLoad(stack.Gateways);
        var silo = (await stack.ContainersAsync("silo"))[0];
        await Docker.RunAsync("network", "disconnect", Stack.Network, silo);
        await stack.SettledAsync(2);
        // By the name of its service, as Compose connects it: others look it up.
        await Docker.RunAsync("network", "connect", "--alias", "silo", Stack.Network, silo);
        await stack.SettledAsync(3);
        await load.ExpectNoErrorsAsync("a silo cut off and connected");
    }

    [Fact]
    public async Task Workers_on_either_of_two_networks_are_reached_and_one_on_neither_is_told_so()
    {
        await stack.ReadyAsync();
        const string Other = "workermesh-test-other";
        const string Apart = "workermesh-test-apart";
        var gateways = await stack.ContainersAsync("gateway");
        string[] workers = [];
        try
        {
            await Docker.RunAsync("network", "create", Other);
            await Docker.RunAsync("network", "create", Apart);
            foreach (var gateway in gateways)
            {
                await Docker.RunAsync("network", "connect", "--alias", "gateway", Other, gateway);
            }

            workers =
            [
                await StartWorkerAsync(Other),
                await StartWorkerAsync(Apart),
            ];
            foreach (var api in stack.Gateways)
            {
                await Eventually.Equals(
                    "online text workers, one of them on the other network",
                    3,
                    async () => (await api.GetAsync("/api/services/text-stats?state=online")).Json.GetProperty("count").GetInt32(),
                    Recovery);
                var answeredBy = new HashSet<string>();
                for (var i = 0; i < 60; i++)
                {
                    answeredBy.Add((await Stack.StatsAsync(api)).Expect(200).MeshWorker!);
                }

                Assert.Contains($"text-stats-{workers[0][..12]}", answeredBy);
                Assert.Equal(3, answeredBy.Count);
            }

            var address = await Stack.AddressAsync(workers[1], Apart);
            var told = await stack.Api.PutAsync(
                "/api/workers/apart", new { url = $"http://{address}:9000", services = (string[])["apart"] });
            var reachability = told.Expect(201).Json.GetProperty("reachability");
            Assert.Equal("unreachable", reachability.GetProperty("status").GetString());
            Assert.Contains("TCP connect", reachability.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Contains("Add an address to 'urls'", reachability.GetProperty("detail").GetString(), StringComparison.Ordinal);
            TestContext.Current.TestOutputHelper?.WriteLine(reachability.GetProperty("detail").GetString()!);
        }
        finally
        {
            await stack.Api.DeleteAsync("/api/workers/apart");
            foreach (var worker in workers)
            {
                await Docker.RunAsync("stop", worker);
            }

            foreach (var gateway in gateways)
            {
                await Docker.RunAsync("network", "disconnect", Other, gateway);
            }

            await Docker.RunAsync("network", "rm", Other, Apart);
        }
    }

    [Fact]
    public async Task A_silo_on_two_networks_advertises_its_address_on_the_databases()
    {
        await stack.ReadyAsync();
        const string Other = "workermesh-test-second";
        var silo = "";
        try
        {
            await Docker.RunAsync("network", "create", Other);
            silo = (await Docker.RunAsync(
                "create", "--rm", "--init", "--network", Other,
                "-e", "ConnectionStrings__Cluster=Host=postgres;Database=mesh;Username=mesh;Password=mesh", "workermesh-silo")).Trim();
            await Docker.RunAsync("network", "connect", Stack.Network, silo);
            await Docker.RunAsync("start", silo);
            await stack.SettledAsync(4);
            var silos = (await stack.Api.GetAsync("/api/peers")).Expect(200).Json.GetProperty("silos").EnumerateArray()
                .Where(s => s.GetProperty("status").GetString() == "active")
                .Select(s => s.GetProperty("address").GetString()!.Split(':')[0]).ToList();
            Assert.Contains(await Stack.AddressAsync(silo, Stack.Network), silos);
            await Docker.RunAsync("stop", silo);
            silo = "";
            await stack.SettledAsync(3);
        }
        finally
        {
            if (silo.Length > 0)
            {
                await Docker.RunAsync("rm", "-f", silo);
            }

            await Docker.RunAsync("network", "rm", Other);
        }
    }

    [Fact]
    public async Task The_dashboard_asks_for_credentials_and_names_every_silo()
    {
        await stack.ReadyAsync();
        Assert.Equal(401, (await stack.Api.GetAsync("/dashboard/")).Status);
        Assert.Equal(401, (await AsAsync("wrong-password", "/dashboard/DashboardCounters")).Status);
        Assert.Equal("text/html", (await AsAsync(Stack.Password, "/dashboard/")).Expect(200).ContentType);
        var silos = (await stack.Api.GetAsync("/api/peers")).Expect(200).Json.GetProperty("silos").EnumerateArray()
            .Where(s => s.GetProperty("status").GetString() == "active")
            .Select(s => s.GetProperty("address").GetString()!.Split('@')[0]).ToList();
        Assert.Equal(3, silos.Count);
        await Eventually.Holds(
            $"counters of {string.Join(", ", silos)}",
            () => AsAsync(Stack.Password, "/dashboard/DashboardCounters"),
            a => a.Status == 200 && silos.All(silo => a.Text.Contains(silo, StringComparison.Ordinal)),
            Recovery);
        Assert.SkipWhen(FindBrowser() is null, "The page answers; no chromium here to see it with.");
        await SeeAsync(FindBrowser()!, silos);
    }

    [Fact]
    public async Task Prometheus_finds_and_scrapes_every_gateway_and_silo()
    {
        await stack.ReadyAsync();
        const string Program = "/usr/bin/prometheus";
        Assert.SkipUnless(File.Exists(Program), "No prometheus here.");
        const string Configuration = "/etc/prometheus/prometheus.yml";
        // The machine's own, on the stack's network and with its configuration: its image is not for everybody to pull.
        var container = (await Docker.RunAsync(
            "run", "-d", "--rm", "--network", Stack.Network, "-v", $"{Program}:{Program}:ro",
            "-v", $"{Path.Combine(Stack.Root, "compose", "prometheus", "prometheus.yml")}:{Configuration}:ro",
            "debian:bookworm-slim", Program, $"--config.file={Configuration}", "--storage.tsdb.path=/tmp/data")).Trim();
        try
        {
            using var prometheus = new Api(new Uri($"http://{await Stack.AddressAsync(container, Stack.Network)}:9090"));
            foreach (var (job, count) in (IEnumerable<(string, int)>)[("gateway", 2), ("silo", 3)])
            {
                await Eventually.Equals(
                    $"scraped of {job}",
                    count,
                    async () => await Stack.TryAsync(() => SeriesAsync(prometheus, $"up{{job=\"{job}\"}} == 1")),
                    Recovery);
            }

            Assert.True(await SeriesAsync(prometheus, "orleans_catalog_activations") >= 3);
        }
        finally
        {
            await Docker.RunAsync("stop", container);
        }
    }

    private static async Task<int> SeriesAsync(Api prometheus, string query) =>
        (await prometheus.GetAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}")).Expect(200).Json
            .GetProperty("data").GetProperty("result").GetArrayLength();

    /// <summary>Opens the page of silos in a browser, keeps a picture of it, and reads it.</summary>
    private async Task SeeAsync(string browser, List<string> silos)
    {
        var picture = Path.Combine(Stack.Root, "artifacts", "dashboard.png");
        var url = $"http://{Stack.Username}:{Stack.Password}@{stack.Api.Address.Authority}/dashboard/#/silos";
        var seen = await Docker.ProgramAsync(
            browser,
            ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=15000", "--window-size=1280,900", $"--screenshot={picture}", "--dump-dom", url],
            within: TimeSpan.FromMinutes(2));
        Assert.True(new FileInfo(picture).Length > 10_000, "An empty picture.");
        Assert.All(silos, silo => Assert.Contains(silo, seen, StringComparison.Ordinal));
    }

    private Task<Answer> AsAsync(string password, string path) => stack.Api.SendAsync(
        HttpMethod.Get,
        path,
        null,
        ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Stack.Username}:{password}"))));

    private static async Task<string> StartWorkerAsync(string network) => (await Docker.RunAsync(
        "run", "-d", "--rm", "--init", "--network", network, "-e", "MESH_URL=http://gateway:8080", "workermesh-python", "text_stats.py")).Trim();

    private static string? FindBrowser() =>
        ((string[])["/usr/bin/chromium", "/usr/bin/google-chrome"]).FirstOrDefault(File.Exists);
}
