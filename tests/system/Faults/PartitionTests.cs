namespace WorkerMesh.Tests.System.Faults;

/// <summary>The network between silos is cut.</summary>
public sealed class PartitionTests(PartitionMesh mesh) : IClassFixture<PartitionMesh>
{
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_silo_cut_off_from_the_others_and_the_database_gives_way_and_comes_back()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Needs root, to make network namespaces.");
        await mesh.ForgetDeadSilosAsync();
        await using var scene = await Scene.SetAsync(mesh, "cut", await mesh.WorkersAsync(3));
        var place = mesh.Places[2];
        var old = place.Current;
        await mesh.CutOffAsync(2);
        var detection = await Scene.TimeAsync(() => mesh.DeadAsync(place.SiloPort, TimeSpan.FromSeconds(8)));
        var detectedAt = scene.Control.Now;
        await scene.RunAsync((Outage - detection).TotalSeconds);
        var healedAt = scene.Control.Now;
        await mesh.HealNetworkAsync();
        await mesh.WholeAsync();
        await scene.RunAsync(2);

        var (load, control) = await scene.EndAsync("one of 3 silos cut off for 60 s", detection);
        load.ExpectNoErrors(atLeast: (int)(Scene.PerSecond * Outage.TotalSeconds));
        // As long as gateways still ask it, it says for its workers that it reaches no database.
        Assert.All(control.Failed, call => Assert.True(
            call is { Status: 503, SaysWhen: true } && call.Begun < detectedAt + TimeSpan.FromSeconds(3), call.ToString()));
        Assert.All(control.Calls, call => Assert.InRange(call.Ended - call.Begun, TimeSpan.Zero, TimeSpan.FromSeconds(10)));
        Assert.Contains(control.Calls, call => call.Begun > healedAt);
        Assert.True(old != place.Current || !old.Process.Exited.IsCompleted, "It neither rejoined nor was started again.");
        await scene.OneOwnerAsync();
    }
}
