using System.Diagnostics;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// The mesh at work while it is broken: three workers of one service type under a steady load, and a control API in
/// use.
/// </summary>
internal sealed class Scene : IAsyncDisposable
{
    public const int PerSecond = 300;

    private readonly Mesh _mesh;
    private Load _load = null!;
    private ControlLoad _control = null!;
    private List<string> _faultsBefore = [];

    private Scene(Mesh mesh, string name)
    {
        _mesh = mesh;
        Service = mesh.NewService(name);
    }

    public Service Service { get; }

    public Load Load => _load;

    public ControlLoad Control => _control;

    public static async Task<Scene> SetAsync(
        Mesh mesh, string name, IReadOnlyList<WorkerProcess> workers, int everyNthPost = 3, params (string Name, object? Value)[] members)
    {
        var scene = new Scene(mesh, name) { _faultsBefore = [.. mesh.Gateways.SelectMany(g => g.Faults)] };
        foreach (var worker in workers)
        {
            await scene.Service.RegisterAsync(worker, [("lease_seconds", 15), .. members]);
        }

        scene._control = new(mesh, scene.Service.Name + "-control", workers.Select(scene.Service.IdOf));
        scene._load = Load.Start(mesh, scene.Service, PerSecond, everyNthPost);
        await scene._load.AnsweredAsync(PerSecond);
        // The first calls of a mesh that has just started take seconds to compile what they call: that is not what is broken here.
        await scene._control.AnsweredAsync();
        return scene;
    }

    /// <summary>How long something takes.</summary>
    public static async Task<TimeSpan> TimeAsync(Func<Task> wait)
    {
        var clock = Stopwatch.StartNew();
        await wait();
        return clock.Elapsed;
    }

    /// <summary>Lets it run for a while, at least.</summary>
    public Task RunAsync(double seconds) =>
        Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, TestContext.Current.CancellationToken);

    /// <summary>
    /// Ends the load; compares what every gateway says with what was acknowledged; writes down what it cost.
    /// </summary>
    public async Task<(LoadReport Load, ControlReport Control)> EndAsync(string scenario, TimeSpan? detection = null)
    {
        var load = await _load.StopAsync();
        await _control.StopAsync();
        var lost = 0;
        foreach (var gateway in _mesh.Gateways)
        {
            lost = Math.Max(lost, await _control.Model.CompareAsync(gateway.Api, _control.Prefix, _control.Services));
        }

        var control = _control.Report();
        Availability.Write(scenario, load, control, detection, lost);
        // Whatever breaks is expected by some code, or it is a mistake.
        var unexpected = _mesh.Gateways.SelectMany(g => g.Faults).Except(_faultsBefore).ToList();
        Assert.True(unexpected.Count == 0, string.Join('\n', unexpected.Take(3)));
        control.ExpectNoBreach();
        return (load, control);
    }

    /// <summary>
    /// Each worker has one owner: what one gateway's heartbeats count up is what another gateway reads. After
    /// <see cref="EndAsync"/>, when nobody else sends any.
    /// </summary>
    public async Task OneOwnerAsync()
    {
        const int beats = 6;
        foreach (var id in _control.Model.Registered.Take(30))
        {
            var before = await CountersAsync(_mesh.Api, id);
            for (var i = 0; i < beats; i++)
            {
                (await _mesh.Gateways[i % _mesh.Gateways.Count].Api.PostAsync($"/api/workers/{id}/heartbeat")).Expect(200);
            }

            Assert.Equal((id, before.Incarnation, before.Beats + beats), await CountersAsync(_mesh.OtherApi, id));
        }
    }

    private static async Task<(string Id, long Incarnation, long Beats)> CountersAsync(Api gateway, string id)
    {
        var worker = (await gateway.GetAsync($"/api/workers/{id}")).Expect(200).Json;
        return (
            id,
            worker.GetProperty("incarnation").GetInt64(),
            worker.GetProperty("counters").GetProperty("heartbeats").GetInt64());
    }

    public async ValueTask DisposeAsync()
    {
        await _load.DisposeAsync();
        await _control.DisposeAsync();
        await Service.DisposeAsync();
        foreach (var id in _control.Model.Registered)
        {
            await _mesh.Api.DeleteAsync($"/api/workers/{id}");
        }
    }
}
