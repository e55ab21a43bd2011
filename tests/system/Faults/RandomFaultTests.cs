using System.Globalization;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// Everything breaks, in an order that chance decides, two things at a time. Which and for how long follows from the seed.
/// </summary>
[Collection<OnFaultMesh>]
public sealed class RandomFaultTests(FaultMesh mesh)
{
    [Fact]
    public async Task Whatever_breaks_no_request_fails_and_nothing_acknowledged_is_lost()
    {
        var (seed, duration) = Chance.Take(seconds: 30);
        var output = TestContext.Current.TestOutputHelper!;
        await mesh.HealAsync();
        WorkerProcess[] workers = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => WorkerProcess.StartAsync($"random{i}")));
        try
        {
            await using var scene = await Scene.SetAsync(mesh, "random", workers, everyNthPost: 0);
            var faults = new FaultInjector(mesh, scene, workers, output);
            await faults.RunAsync(seed, duration);
            await mesh.HealAsync();
            await scene.RunAsync(3);

            var (load, control) = await scene.EndAsync(string.Create(
                CultureInfo.InvariantCulture, $"all faults at random, seed {seed}, {duration.TotalSeconds} s, {faults.Count} faults"));
            output.WriteLine($"Not answered by a gateway that was just killed: {load.Wrong.Count(w => w.Status is null)}, "
                + $"refused by one that was not ready yet: {load.Wrong.Count(w => w.Status == 503)}");
            Assert.All(load.Wrong, wrong => Assert.True(faults.Explains(wrong), wrong.ToString()));
            Assert.All(control.Failed, call => Assert.True(
                call is { Status: 503, SaysWhen: true } || (call.Status is null && faults.GatewaysKilled > 0), call.ToString()));
            Assert.InRange(load.Right + load.Wrong.Count, (int)(Scene.PerSecond * duration.TotalSeconds), int.MaxValue);
            await scene.OneOwnerAsync();
        }
        finally
        {
            foreach (var worker in workers)
            {
                await worker.DisposeAsync();
            }
        }
    }

    /// <summary>What is looked for above is found where it is.</summary>
    [Fact]
    public async Task A_registration_that_is_lost_or_goes_back_behind_everybodys_back_is_noticed()
    {
        await mesh.HealAsync();
        await using var scene = await Scene.SetAsync(mesh, "sabotage", await mesh.WorkersAsync(3));
        await Eventually.Holds(
            "enough are registered", () => Task.FromResult(scene.Control.Model.Registered.Count), count => count >= 20);
        await scene.Load.StopAsync();
        await scene.Control.StopAsync();
        var model = scene.Control.Model;
        Assert.True(
            await model.CompareAsync(mesh.Api, scene.Control.Prefix, scene.Control.Services) == 0,
            string.Join('\n', model.Breaches));
        var (lost, back) = (model.Registered.ElementAt(3), model.Registered.ElementAt(7));

        await mesh.KillAsync();
        await mesh.ExecuteAsync($"DELETE FROM mesh_worker_key WHERE worker_id = '{lost}'; DELETE FROM mesh_worker WHERE worker_id = '{lost}'");
        await mesh.ExecuteAsync($"UPDATE mesh_worker SET incarnation = incarnation - 1 WHERE worker_id = '{back}'");
        await mesh.HealAsync();

        Assert.InRange(await model.CompareAsync(mesh.Api, scene.Control.Prefix, scene.Control.Services), 2, 6);
        Assert.Contains(model.Breaches, breach => breach.StartsWith(lost + " ", StringComparison.Ordinal));
        Assert.Contains(model.Breaches, breach => breach.StartsWith(back + " ", StringComparison.Ordinal));
    }
}
