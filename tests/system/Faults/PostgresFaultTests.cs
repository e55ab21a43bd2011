namespace WorkerMesh.Tests.System.Faults;

/// <summary>The database is gone, or hangs.</summary>
[Collection<OnFaultMesh>]
public sealed class PostgresFaultTests(FaultMesh mesh)
{
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

    private async Task OutageAsync(
        string scenario, Func<CancellationToken, Task> begin, Func<CancellationToken, Task> end)
    {
        var token = TestContext.Current.CancellationToken;
        await mesh.HealAsync();
        var starts = mesh.Places.Sum(p => p.Starts);
        await using var scene = await Scene.SetAsync(mesh, "database", await mesh.WorkersAsync(3));
        var begunAt = scene.Control.Now;
        await begin(token);
        var downAt = scene.Control.Now;
        await scene.RunAsync(Outage.TotalSeconds);
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
}
