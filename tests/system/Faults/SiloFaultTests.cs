namespace WorkerMesh.Tests.System.Faults;

/// <summary>Silos that are killed, one or all, and silos that hang.</summary>
[Collection<OnFaultMesh>]
public sealed class SiloFaultTests(FaultMesh mesh)
{
    private const int Kills = 10;

    [Fact]
    public async Task Silos_that_are_killed_one_after_the_other_cost_no_request_and_no_registration()
    {
        await mesh.HealAsync();
        await using var scene = await Scene.SetAsync(mesh, "silo-kill", await mesh.WorkersAsync(3));
        var (detections, killed) = (new List<TimeSpan>(), new List<TimeSpan>());
        for (var kill = 0; kill < Kills; kill++)
        {
            await mesh.ForgetDeadSilosAsync();
            var place = mesh.Places[kill % mesh.Places.Length];
            // Also one that nobody replaces while the others find out.
            if (kill % 2 == 0)
            {
                place.Hold();
            }

            var port = place.SiloPort;
            await place.KillAsync();
            killed.Add(scene.Control.Now);
            detections.Add(await Scene.TimeAsync(() => mesh.DeadAsync(port, TimeSpan.FromSeconds(3))));
            place.Release();
            await place.ActiveAsync();
            await mesh.WholeAsync();
            // A call that is held up by two of them, one after the other, may take as long as both.
            await scene.Control.AnsweredAsync();
        }

        var (load, control) = await scene.EndAsync($"SIGKILL of one of 3 silos, {Kills} times", detections.Max());
        load.ExpectNoErrors(atLeast: Scene.PerSecond * 10);
        // As where a silo hangs: one of them may meet a moment in which a small machine has no time for it.
        control.ExpectAllAnswered(TimeSpan.FromSeconds(10));
        var late = killed.Zip([.. killed.Skip(1), TimeSpan.MaxValue]).Count(kill => control.Calls.Any(
            call => call.Begun < kill.Second && call.Ended > kill.First && call.Ended - call.Begun > TimeSpan.FromSeconds(5)));
        Assert.True(late <= 1, $"After {late} of {Kills} kills a call took longer than 5 s.");
    }

    [Fact]
    public Task All_silos_are_killed_and_come_back_at_their_addresses() =>
        KillAllAsync("SIGKILL of all silos for 30 s, same addresses", 30, newAddresses: false, TimeSpan.FromSeconds(15));

    /// <summary>At once: their former selves still count as alive.</summary>
    [Fact]
    public Task All_silos_are_killed_and_come_back_at_new_addresses() =>
        KillAllAsync("SIGKILL of all silos, at once back on new addresses", 1, newAddresses: true, TimeSpan.FromSeconds(45));

    [Fact]
    public async Task A_silo_that_hangs_costs_no_request_and_ends_itself_or_rejoins_when_it_wakes()
    {
        await mesh.HealAsync();
        await mesh.ForgetDeadSilosAsync();
        await using var scene = await Scene.SetAsync(mesh, "silo-hang", await mesh.WorkersAsync(3));
        var place = mesh.Places[1];
        var hung = place.Current.Process;
        await hung.SignalAsync("STOP");
        var detection = await Scene.TimeAsync(() => mesh.DeadAsync(place.SiloPort, TimeSpan.FromSeconds(8)));
        await scene.RunAsync(60 - detection.TotalSeconds);
        await hung.SignalAsync("CONT");
        await mesh.WholeAsync();

        var (load, control) = await scene.EndAsync("SIGSTOP of one of 3 silos for 60 s", detection);
        load.ExpectNoErrors(atLeast: Scene.PerSecond * 60);
        control.ExpectAllAnswered(TimeSpan.FromSeconds(10));
    }

    private async Task KillAllAsync(string scenario, double seconds, bool newAddresses, TimeSpan within)
    {
        await mesh.HealAsync();
        await using var scene = await Scene.SetAsync(mesh, "silos-gone", await mesh.WorkersAsync(3));
        var killedAt = scene.Control.Now;
        await mesh.KillAsync();
        await scene.RunAsync(seconds);
        foreach (var place in mesh.Places)
        {
            place.Release(newAddresses);
        }

        var releasedAt = scene.Control.Now;
        // The control API is back for good when all that is asked of it is answered again.
        await Eventually.Holds(
            "the control API is back",
            async () => (await scene.Service.PutAsync(
                mesh.Api, scene.Service.IdOf("probe"), scene.Service.Registration("http://127.0.0.1:9", ("services", Array.Empty<string>())))).Status,
            status => status is 200 or 201,
            within);
        await mesh.WholeAsync();
        await scene.RunAsync(2);

        var (load, control) = await scene.EndAsync(scenario);
        load.ExpectNoErrors(atLeast: (int)(Scene.PerSecond * seconds));
        var refused = control.Failed.ToList();
        Assert.All(refused, call => Assert.True(call is { Status: 503, SaysWhen: true }, call.ToString()));
        Assert.All(refused, call => Assert.InRange(call.Ended, killedAt, releasedAt + within + TimeSpan.FromSeconds(10)));
        Assert.All(
            control.Calls.Where(c => c.Begun > releasedAt + within),
            call => Assert.True(call.Fault is null, call.ToString()));
    }
}
