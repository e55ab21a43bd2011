using System.Diagnostics;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>The database is gone, or hangs.</summary>
[Collection<OnFaultMesh>]
public sealed class PostgresFaultTests(FaultMesh mesh)
{
    /// <summary>In seconds: shorter than an outage by far.</summary>
    private const int NewcomersLease = 10;

    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(30);

    /// <summary>An answer of which the outcome is known or not, but that comes: the store's time-out and some.</summary>
    private static readonly TimeSpan SlowestAnswer = TimeSpan.FromSeconds(8);

    [Fact]
    public Task While_it_is_gone_forwarding_and_heartbeats_go_on_and_registrations_are_refused() => OutageAsync(
        "PostgreSQL killed for 30 s",
        token => mesh.Postgres.KillAsync(token),
        token => mesh.Postgres.StartAsync(token));

    [Fact]
    public Task While_it_hangs_forwarding_and_heartbeats_go_on_and_registrations_are_refused() => OutageAsync(
        "PostgreSQL hung for 30 s",
        token => mesh.Postgres.FreezeAsync(token),
        token => mesh.Postgres.ThawAsync(token));

    /// <summary>
    /// The silo stays a member until the database is back: until then nobody else has the grains of its workers, nor knows
    /// where those registries are whose part of the directory it had. Its own registries' workers stay as they were for
    /// want of anybody who says otherwise.
    /// </summary>
    [Fact]
    public async Task Workers_of_a_silo_that_is_killed_meanwhile_stay_alive_by_their_heartbeats()
    {
        await mesh.HealAsync();
        // So many that some have their registry, their worker and the way from one to the other on three silos.
        List<Service> services = [.. Enumerable.Range(0, 24).Select(i => mesh.NewService($"orphans-{i}"))];
        string[] names = ["a", "b"];
        string[] ids = [.. services.SelectMany(service => names.Select(service.IdOf))];
        await Task.WhenAll(services.Select(service => NewcomersAsync(service, names)));
        mesh.Places[1].Hold();
        await mesh.Places[1].KillAsync();
        // Before it is declared dead the others have some workers in memory, and have not told each other's registries yet.
        var first = BeatAll(mesh.OtherApi);
        await foreach (var beaten in Task.WhenEach(first).Take(ids.Length / 3))
        {
            Assert.Equal(200, (await beaten).Status);
        }

        await mesh.Postgres.KillAsync(TestContext.Current.CancellationToken);
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(NewcomersLease * 1.5))
        {
            await Task.WhenAll(BeatAll(mesh.OtherApi));
        }

        await Task.WhenAll(first);
        foreach (var gateway in mesh.Gateways)
        {
            var lists = await Task.WhenAll(services.Select(service => service.ListAsync(gateway.Api)));
            Assert.All(
                services.Zip(lists),
                pair => Assert.All(names, name => Assert.Equal("online", Service.StateOf(pair.Second, pair.First.IdOf(name)))));
        }

        await mesh.HealAsync();
        Assert.All(await Task.WhenAll(BeatAll(mesh.Api)), answer => answer.Expect(200));
        foreach (var service in services)
        {
            await service.DisposeAsync();
        }

        List<Task<Answer>> BeatAll(Api api) => [.. ids.Select(id => api.PostAsync($"/api/workers/{id}/heartbeat"))];
    }

    /// <summary>What operators do to a database that goes on running, and undo.</summary>
    [Theory]
    [InlineData("read-only")]
    [InlineData("no sessions")]
    [InlineData("locked")]
    public async Task Registrations_are_refused_while_it_does_not_take_them_and_go_on_soon_after(string what)
    {
        var token = TestContext.Current.CancellationToken;
        await mesh.HealAsync();
        await using var service = mesh.NewService("maintained");
        var locked = await BeginAsync();
        try
        {
            foreach (var gateway in mesh.Gateways)
            {
                var answer = await RegisterAsync(gateway, "refused");
                answer.ExpectProblem(503);
                Assert.NotNull(answer.Header("Retry-After"));
                Assert.Contains("database", answer.Text, StringComparison.Ordinal);
            }
        }
        finally
        {
            await EndAsync();
        }

        // By all silos, on whatever connections each of them has.
        await Eventually.Holds(
            "registrations are accepted again",
            () => ManyAsync("first"),
            answers => answers.All(answer => answer.Status is 200 or 201),
            TimeSpan.FromSeconds(10));
        Assert.All(await ManyAsync("then"), answer => answer.Expect(201));

        Task<Answer[]> ManyAsync(string name) =>
            Task.WhenAll(Enumerable.Range(0, 200).Select(i => RegisterAsync(mesh.Gateways[i % 2], $"{name}-{i}")));

        async Task<IAsyncDisposable?> BeginAsync()
        {
            switch (what)
            {
                case "read-only":
                    await mesh.Postgres.RefuseWritesAsync(mesh.Database, token);
                    return null;
                case "no sessions":
                    await mesh.Postgres.RefuseSessionsAsync(mesh.Database, token);
                    return null;
                default:
                    return await mesh.LockWorkersAsync();
            }
        }

        async Task EndAsync()
        {
            if (locked is not null)
            {
                await locked.DisposeAsync();
            }

            await mesh.Postgres.AllowSessionsAsync(mesh.Database, token);
            await mesh.Postgres.AllowWritesAsync(mesh.Database, token);
        }

        Task<Answer> RegisterAsync(GatewayProcess gateway, string name)
        {
            service.Remember(service.IdOf(name));
            return gateway.Api.PutAsync($"/api/workers/{service.IdOf(name)}?check=false", service.Registration("http://127.0.0.1:9"));
        }
    }

    private async Task OutageAsync(
        string scenario, Func<CancellationToken, Task> begin, Func<CancellationToken, Task> end)
    {
        var token = TestContext.Current.CancellationToken;
        await mesh.HealAsync();
        var starts = mesh.Places.Sum(p => p.Starts);
        await using var scene = await Scene.SetAsync(mesh, "database", await mesh.WorkersAsync(3));
        await using var newcomers = mesh.NewService("newcomers");
        var single = await NewcomersAsync(newcomers, "silent", "batch", "single");
        var begunAt = scene.Control.Now;
        await begin(token);
        var downAt = scene.Control.Now;
        await Task.WhenAll(scene.RunAsync(Outage.TotalSeconds), BeatAsync(newcomers, single));
        await newcomers.EverywhereAsync(
            "those online that are alive",
            list => ("online", "online", "offline") == (
                Service.StateOf(list, newcomers.IdOf("single")),
                Service.StateOf(list, newcomers.IdOf("batch")),
                Service.StateOf(list, newcomers.IdOf("silent"))));
        var answer = await mesh.Api.PutAsync(
            $"/api/workers/{scene.Service.IdOf("refused")}?check=false", scene.Service.Registration("http://127.0.0.1:9"));
        answer.ExpectProblem(503);
        Assert.NotNull(answer.Header("Retry-After"));
        Assert.Contains("database", answer.Text, StringComparison.Ordinal);
        var upAt = scene.Control.Now;
        await end(token);
        await Eventually.Holds(
            "registrations are accepted again",
            () => mesh.Api.PutAsync(
                $"/api/workers/{scene.Service.IdOf("accepted")}?check=false", scene.Service.Registration("http://127.0.0.1:9", ("services", Array.Empty<string>()))),
            accepted => accepted.Status is 200 or 201,
            TimeSpan.FromSeconds(15));
        var backAt = scene.Control.Now;
        await scene.RunAsync(3);

        var (load, control) = await scene.EndAsync(scenario);
        load.ExpectNoErrors(atLeast: (int)(Scene.PerSecond * Outage.TotalSeconds));
        Assert.Equal(starts, mesh.Places.Sum(p => p.Starts));
        Assert.All(mesh.Gateways, g => Assert.False(g.Process.Exited.IsCompleted, g.Process.Log));
        var beats = control.Calls.Where(c => c.What == "heartbeat").ToList();
        Assert.InRange(beats.Count, 20, int.MaxValue);
        Assert.All(beats, beat => Assert.True(beat.Fault is null, beat.ToString()));
        Assert.All(control.Failed, call => Assert.True(call is { Status: 503, SaysWhen: true }, call.ToString()));
        Assert.All(control.Failed, call => Assert.InRange(call.Ended, begunAt, backAt + SlowestAnswer));
        Assert.All(control.Calls, call => Assert.InRange(call.Ended - call.Begun, TimeSpan.Zero, SlowestAnswer));
        // Whatever was answered while it was down was not a lie.
        var during = control.Calls.Where(c => c.What == "register" && c.Begun > downAt && c.Ended < upAt).ToList();
        Assert.NotEmpty(during);
        Assert.All(during, call => Assert.Equal(503, call.Status));
    }

    /// <summary>Registers some, which no silo has in memory then but for their registry.</summary>
    /// <returns>The incarnation of the last one.</returns>
    private async Task<long> NewcomersAsync(Service newcomers, params string[] names)
    {
        long incarnation = 0;
        foreach (var id in names.Select(newcomers.IdOf))
        {
            newcomers.Remember(id);
            var answer = await mesh.Api.PutAsync(
                $"/api/workers/{id}?check=false", newcomers.Registration("http://127.0.0.1:9", ("lease_seconds", NewcomersLease)));
            incarnation = answer.Expect(201).Json.GetProperty("incarnation").GetInt64();
        }

        await newcomers.EverywhereAsync("the newcomers", list => list.GetProperty("workers").GetArrayLength() == names.Length);
        return incarnation;
    }

    /// <summary>One heartbeat after the other for as long as the outage lasts, each of which has to be accepted.</summary>
    private async Task BeatAsync(Service newcomers, long incarnation)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Outage)
        {
            var single = await mesh.OtherApi.PostAsync($"/api/workers/{newcomers.IdOf("single")}/heartbeat", new { incarnation });
            Assert.Equal("online", single.Expect(200).Json.GetProperty("state").GetString());
            var batch = await mesh.Api.PostAsync(
                "/api/workers/heartbeats", new { workers = new[] { new { worker_id = newcomers.IdOf("batch"), current_load = 0.5 } } });
            Assert.True(batch.Expect(200).Json.GetProperty("renewed").GetInt32() == 1, $"{batch.Text}\n{mesh.Log}");
            await Task.Delay(TimeSpan.FromSeconds(0.5), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
