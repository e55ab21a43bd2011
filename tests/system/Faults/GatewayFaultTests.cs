namespace WorkerMesh.Tests.System.Faults;

/// <summary>Gateways that are killed, that start while there is nothing, and everything replaced one by one.</summary>
[Collection<OnFaultMesh>]
public sealed class GatewayFaultTests(FaultMesh mesh)
{
    [Fact]
    public async Task A_gateway_that_is_killed_takes_only_what_was_in_flight_through_it()
    {
        await mesh.HealAsync();
        await using var scene = await Scene.SetAsync(mesh, "gateway-kill", await mesh.WorkersAsync(3));
        var gateway = mesh.Gateways[0];
        var killedAt = scene.Load.Now;
        await gateway.Process.KillAsync();
        var goneAt = scene.Load.Now;
        await scene.RunAsync(5);
        await gateway.RestartAsync();
        await scene.RunAsync(3);

        var (load, control) = await scene.EndAsync("SIGKILL of one of 2 gateways");
        Assert.All(load.Wrong, wrong => Assert.True(
            wrong.Status is null && wrong.Gateway == gateway.Api.Address && wrong.Begun <= goneAt && wrong.Ended >= killedAt,
            wrong.ToString()));
        Assert.All(control.Failed, call => Assert.True(call.Status is null && call.Begun < killedAt + TimeSpan.FromSeconds(5), call.ToString()));
    }

    [Fact]
    public async Task Silos_and_gateways_are_replaced_one_after_the_other_and_no_request_fails()
    {
        await mesh.HealAsync();
        await using var scene = await Scene.SetAsync(mesh, "rolling", await mesh.WorkersAsync(3));
        foreach (var place in mesh.Places)
        {
            await place.RollAsync();
            await mesh.WholeAsync();
        }

        foreach (var gateway in mesh.Gateways)
        {
            await gateway.Process.SignalAsync("TERM");
            var exit = await gateway.Process.ExitAsync(TimeSpan.FromSeconds(20));
            Assert.True(exit == 0, $"Exit code {exit} after SIGTERM.\n{gateway.Process.Log}");
            await gateway.RestartAsync();
        }

        // Nobody of those that were there would come to the last one by itself.
        await Eventually.Holds(
            "silos move workers to the last one", () => Task.FromResult(mesh.Places.Sum(p => p.Current.Process.LinesWith("Silos have joined").Count)), n => n > 0);
        await scene.RunAsync(2);
        var (load, control) = await scene.EndAsync("SIGTERM of every silo and gateway, one after the other");
        load.ExpectNoErrors(atLeast: Scene.PerSecond * 5);
        control.ExpectAllAnswered(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_gateway_that_is_told_to_stop_says_so_first_and_finishes_what_is_in_flight()
    {
        await mesh.HealAsync();
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__ShutdownNotice", "00:00:03"));
        await using var service = mesh.NewService("leaving");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker);
        var inFlight = gateway.Api.GetAsync($"{service.Path}/slow?ms=6000&tag={service.Name}");
        // Slower than the time-out for the first byte here: the stream has begun.
        await using var dripping = await gateway.Api.Http.GetStreamAsync(
            gateway.Api.Uri($"{service.Path}/drip?n=6&ms=1000"), TestContext.Current.CancellationToken);
        await gateway.Process.SignalAsync("TERM");
        await Eventually.Equals("/health/ready", 503, async () => (await gateway.Api.GetAsync("/health/ready")).Status);
        (await gateway.Api.GetAsync($"{service.Path}/still")).Expect(200);
        using var reader = new StreamReader(dripping);
        var text = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal(6, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(0, await gateway.Process.ExitAsync(TimeSpan.FromSeconds(20)));
        (await inFlight).Expect(504);
    }

    [Fact]
    public async Task A_route_that_nobody_uses_is_dropped_but_not_while_no_silo_answers()
    {
        await mesh.HealAsync();
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__RouteIdleTimeout", "00:00:03"));
        await using var service = mesh.NewService("idle");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        (await gateway.Api.GetAsync(service.Path)).Expect(200);
        await Eventually.Holds("its route is dropped", RoutesAsync, text => text.EndsWith("} 0", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        (await gateway.Api.GetAsync(service.Path)).Expect(200);

        await mesh.KillAsync();
        await Task.Delay(TimeSpan.FromSeconds(8), TimeProvider.System, TestContext.Current.CancellationToken);
        (await gateway.Api.GetAsync(service.Path)).Expect(200);
        await mesh.HealAsync();

        async Task<string> RoutesAsync() => (await gateway.Api.GetAsync("/metrics")).Expect(200).Text
            .Split('\n').Single(line => line.StartsWith("mesh_routes", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_gateway_that_starts_while_no_silo_runs_says_so_and_serves_once_one_does()
    {
        await mesh.HealAsync();
        await using var service = mesh.NewService("early");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        await mesh.KillAsync();
        await using var gateway = await GatewayProcess.ListenAsync("early gateway", mesh.GatewaySettings);
        (await gateway.Api.GetAsync("/health/live")).Expect(200);
        Assert.Equal(503, (await gateway.Api.GetAsync("/health/ready")).Status);
        (await gateway.Api.GetAsync(service.Path)).ExpectProblem(503);

        await mesh.HealAsync();
        await gateway.ReadyAsync();
        (await gateway.Api.GetAsync($"{service.Path}/now")).Expect(200);
    }
}
