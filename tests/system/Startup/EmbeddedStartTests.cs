namespace WorkerMesh.Tests.System.Startup;

/// <summary>How the embedded mode starts and stops.</summary>
public sealed class EmbeddedStartTests
{
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task It_says_what_runs_and_where_and_ends_in_order()
    {
        await using var mesh = new EmbeddedMesh();
        await mesh.InitializeAsync();
        var process = mesh.Gateways[0].Process;
        var mode = await process.LineAsync("WorkerMesh gateway in embedded mode");
        Assert.Contains("registrations in /", mode, StringComparison.Ordinal);
        var bound = await process.LineAsync("Now listening on: ");
        Assert.Contains(mesh.Api.Address.GetLeftPart(UriPartial.Authority), bound, StringComparison.Ordinal);
        await using var service = mesh.NewService("stopping");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker);
        var inFlight = mesh.Api.GetAsync($"{service.Path}/slow?ms=1500&tag={service.Name}");
        await worker.Process.LineAsync($"slow began {service.Name}");

        await process.SignalAsync("TERM");
        Assert.Equal(0, await process.ExitAsync(StopTime));
        (await inFlight).Expect(200);
        await mesh.RestartAsync();
        (await mesh.Api.GetAsync($"/api/workers/{service.IdOf(worker)}")).Expect(200);
    }
}
