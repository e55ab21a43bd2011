namespace WorkerMesh.Tests.System.Faults;

/// <summary>Workers that hang, and many that are killed at once.</summary>
[Collection<OnFaultMesh>]
public sealed class WorkerFaultTests(FaultMesh mesh)
{
    private const int Many = 100;
    private const int Killed = 20;

    /// <summary>As the mesh is configured.</summary>
    private static readonly TimeSpan FirstByteTimeout = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_worker_that_hangs_gets_no_new_request_and_others_answer_what_may_be_repeated()
    {
        await mesh.HealAsync();
        var workers = await OwnAsync(3, i => WorkerProcess.StartAsync($"hang{i}"));
        try
        {
            var check = new { path = "/health", interval_seconds = 1, timeout_seconds = 1 };
            await using var scene = await Scene.SetAsync(mesh, "worker-hang", workers, everyNthPost: 0, ("health", check));
            var (victim, id) = (workers[1], scene.Service.IdOf(workers[1]));
            await victim.Process.SignalAsync("STOP");
            // It says nothing any more, but its heartbeats come from an agent beside it, as they do for some.
            var detection = await Scene.TimeAsync(() => scene.Service.EverywhereAsync(
                "the worker that hangs is degraded", list => Service.StateOf(list, id) == "degraded", TimeSpan.FromSeconds(10)));
            await scene.RunAsync(2 * FirstByteTimeout.TotalSeconds);
            var before = await SentToAsync(id);
            await scene.RunAsync(5);
            Assert.Equal(before, await SentToAsync(id));

            await victim.Process.SignalAsync("CONT");
            await scene.Service.EverywhereAsync("it is online again", list => Service.StateOf(list, id) == "online");
            await scene.Load.AnsweredAsync(20, id);
            var (load, control) = await scene.EndAsync("SIGSTOP of one of 3 workers", detection);
            load.ExpectNoErrors(atLeast: Scene.PerSecond * 10);
            control.ExpectAllAnswered(TimeSpan.FromSeconds(5));
        }
        finally
        {
            await DisposeAsync(workers);
        }
    }

    [Fact]
    public async Task Without_a_health_check_a_worker_that_hangs_costs_a_request_now_and_then_its_time_out_and_none_its_answer()
    {
        await mesh.HealAsync();
        var workers = await OwnAsync(3, i => WorkerProcess.StartAsync($"unchecked{i}"));
        try
        {
            await using var scene = await Scene.SetAsync(mesh, "worker-unchecked", workers, everyNthPost: 0);
            var id = scene.Service.IdOf(workers[1]);
            await workers[1].Process.SignalAsync("STOP");
            await scene.RunAsync(2 * FirstByteTimeout.TotalSeconds);
            var before = await SentToAsync(id);
            await scene.RunAsync(10);
            // One at a time and gateway, each set aside for no less than it waited: 5 at most of each in 10 s.
            Assert.InRange(await SentToAsync(id) - before, 0, 2 * mesh.Gateways.Count * 5);
            await workers[1].Process.SignalAsync("CONT");
            var (load, _) = await scene.EndAsync("SIGSTOP of one of 3 workers, no health check");
            load.ExpectNoErrors(atLeast: Scene.PerSecond * 10);
        }
        finally
        {
            await DisposeAsync(workers);
        }
    }

    [Fact]
    public async Task Twenty_of_a_hundred_workers_killed_at_once_cost_only_what_they_were_working_on()
    {
        await mesh.HealAsync();
        var workers = await OwnAsync(Many, i => WorkerProcess.StartLightAsync($"many{i}"));
        try
        {
            await using var scene = await Scene.SetAsync(mesh, "workers-kill", workers, everyNthPost: 2);
            var victims = workers.Take(Killed).ToList();
            victims.ForEach(victim => scene.Control.Silence(scene.Service.IdOf(victim)));
            await scene.Load.AnsweredAsync(Scene.PerSecond);
            // As many as there are workers, so that some are at each gateway's every victim.
            var slow = Enumerable.Range(0, Many).Select(i =>
                mesh.Gateways[i % mesh.Gateways.Count].Api.PostAsync(scene.Service.Path + "/slow", new { i })).ToList();
            await Eventually.Holds("the slow ones are under way", () => InFlightAsync(scene.Service), n => n >= Many);
            var killedAt = scene.Load.Now;
            await ChildProcess.KillAllAsync([.. victims.Select(v => v.Process)]);
            var goneAt = scene.Load.Now;
            var ended = await Task.WhenAll(slow);
            Assert.All(ended, answer => Assert.True(answer.Status is 200 or 502, answer.ToString()));
            Assert.InRange(ended.Count(answer => answer.Status == 502), 1, Many / 2);
            await scene.RunAsync(5);
            var detection = await Scene.TimeAsync(() => scene.Service.EverywhereAsync(
                "those killed are offline",
                list => victims.All(v => Service.StateOf(list, scene.Service.IdOf(v)) == "offline"),
                TimeSpan.FromSeconds(20)));

            var (load, control) = await scene.EndAsync(
                $"SIGKILL of {Killed} of {Many} workers at once", detection + TimeSpan.FromSeconds(5));
            Assert.All(load.Wrong, wrong => Assert.True(
                wrong is { Status: 502 } && wrong.Method == HttpMethod.Post && wrong.Begun < goneAt && wrong.Ended > killedAt,
                wrong.ToString()));
            control.ExpectAllAnswered(TimeSpan.FromSeconds(5));
        }
        finally
        {
            await DisposeAsync(workers);
        }
    }

    /// <summary>Requests that gateways have sent to a worker, and that have ended or not.</summary>
    private async Task<long> SentToAsync(string id)
    {
        long sent = 0;
        foreach (var gateway in mesh.Gateways)
        {
            var stats = (await gateway.Api.GetAsync("/api/stats")).Expect(200).Json;
            var worker = stats.GetProperty("workers").EnumerateArray()
                .Single(w => w.GetProperty("worker_id").GetString() == id);
            sent += worker.GetProperty("requests").GetInt64() + worker.GetProperty("in_flight").GetInt64();
        }

        return sent;
    }

    private async Task<int> InFlightAsync(Service service)
    {
        var stats = await Task.WhenAll(mesh.Gateways.Select(g => g.Api.GetAsync($"/api/stats?service={service.Name}")));
        return stats.Sum(answer => answer.Expect(200).Json.GetProperty("services").EnumerateArray()
            .Sum(service => service.GetProperty("in_flight").GetInt32()));
    }

    private static async Task<WorkerProcess[]> OwnAsync(int count, Func<int, Task<WorkerProcess>> start)
    {
        var workers = new WorkerProcess[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (i, _) =>
            workers[i] = await start(i));
        return workers;
    }

    private static async Task DisposeAsync(WorkerProcess[] workers)
    {
        await ChildProcess.KillAllAsync([.. workers.Select(w => w.Process)]);
        foreach (var worker in workers)
        {
            await worker.DisposeAsync();
        }
    }
}
