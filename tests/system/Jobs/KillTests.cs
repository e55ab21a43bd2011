using System.Diagnostics;

namespace WorkerMesh.Tests.System.Jobs;

/// <summary>A worker is killed under load and comes back.</summary>
public abstract class KillTests(Mesh mesh)
{
    private const int PerSecond = 200;
    private const int LeaseSeconds = 2;

    /// <summary>The lease, and time for a loaded machine to say so.</summary>
    private static readonly TimeSpan LeaseAndSlack = TimeSpan.FromSeconds(LeaseSeconds + 2);

    [Fact]
    public async Task A_killed_worker_costs_no_request_and_is_back_with_one_heartbeat_of_its_successor_on_the_port()
    {
        await using var scene = await Scene.SetAsync(mesh, "kill");
        await scene.KillAndAwaitOfflineAsync();

        await scene.Victim.RestartAsync(samePort: true);
        var beat = await mesh.OtherApi.PostAsync($"/api/workers/{scene.VictimId}/heartbeat");
        Assert.Equal("online", beat.Expect(200).Json.GetProperty("state").GetString());
        await scene.ExpectServesAgainAsync();
    }

    [Fact]
    public async Task A_killed_worker_registers_on_another_port_with_the_next_incarnation()
    {
        await using var scene = await Scene.SetAsync(mesh, "move");
        await scene.KillAndAwaitOfflineAsync();

        await scene.Victim.RestartAsync(samePort: false);
        var body = scene.Service.Registration(scene.Victim.Url, ("lease_seconds", LeaseSeconds));
        var answer = await scene.Service.PutAsync(mesh.OtherApi, scene.VictimId, body);
        Assert.Equal(scene.VictimIncarnation + 1, answer.Expect(200).Json.GetProperty("incarnation").GetInt64());
        await scene.ExpectServesAgainAsync();
        var late = await mesh.Api.PostAsync(
            $"/api/workers/{scene.VictimId}/heartbeat", new { incarnation = scene.VictimIncarnation });
        late.ExpectError(409, "incarnation");
    }

    /// <summary>Three workers of their own, kept alive, under load.</summary>
    private sealed class Scene(Service service, WorkerProcess[] workers) : IAsyncDisposable
    {
        private Heartbeats _heartbeats = null!;
        private Load _load = null!;

        public Service Service => service;

        public WorkerProcess Victim => workers[1];

        public string VictimId => service.IdOf(Victim);

        public long VictimIncarnation { get; private set; }

        public static async Task<Scene> SetAsync(Mesh mesh, string name)
        {
            var workers = await Task.WhenAll(
                Enumerable.Range(0, 3).Select(i => WorkerProcess.StartAsync($"{name}{i}")));
            var scene = new Scene(mesh.NewService(name), workers);
            var registered = await Task.WhenAll(workers.Select(
                w => scene.Service.RegisterAsync(w, ("lease_seconds", LeaseSeconds))));
            scene.VictimIncarnation = registered[1];
            scene._heartbeats = new(mesh, workers.Select(scene.Service.IdOf));
            scene._load = Load.Start(mesh, scene.Service, PerSecond);
            await scene._load.AnsweredAsync(PerSecond);
            return scene;
        }

        public async Task KillAndAwaitOfflineAsync()
        {
            await _load.AnsweredAsync(10, VictimId);
            _heartbeats.Silence(VictimId);
            await Victim.Process.KillAsync();
            var clock = Stopwatch.StartNew();
            await service.EverywhereAsync(
                "the killed worker is offline, the others online",
                list => Service.StateOf(list, VictimId) == "offline"
                    && workers.Where(w => w != Victim).All(w => Service.StateOf(list, service.IdOf(w)) == "online"),
                LeaseAndSlack);
            TestContext.Current.TestOutputHelper!.WriteLine($"offline everywhere after {clock.Elapsed}");
        }

        public async Task ExpectServesAgainAsync()
        {
            await service.EverywhereAsync(
                "the worker is online again", list => Service.StateOf(list, VictimId) == "online", LeaseAndSlack);
            _heartbeats.Resume(VictimId);
            await _load.AnsweredAsync(50, VictimId);
            var report = await _load.StopAsync();
            TestContext.Current.TestOutputHelper!.WriteLine(report.ToString());
            report.ExpectNoErrors(atLeast: PerSecond);
        }

        public async ValueTask DisposeAsync()
        {
            await _load.DisposeAsync();
            await _heartbeats.DisposeAsync();
            await service.DisposeAsync();
            foreach (var worker in workers)
            {
                await worker.DisposeAsync();
            }
        }
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class KillEmbeddedTests(EmbeddedMesh mesh) : KillTests(mesh);

[Collection<OnCluster>]
public sealed class KillClusterTests(ClusterMesh mesh) : KillTests(mesh);
