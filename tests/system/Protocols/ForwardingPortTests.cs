using System.Globalization;
using WorkerMesh.Tests.System.Dialects;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>An address for those who are to use workers and nothing else.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class ForwardingPortTests(EmbeddedMesh mesh)
{
    [Fact]
    public async Task A_port_that_only_forwards_serves_nothing_else_and_the_others_everything()
    {
        var port = FreePort.Take();
        var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
        await using var gateway = await mesh.StartGatewayAsync(
            ("Kestrel__Endpoints__A__Url", "http://127.0.0.1:0"),
            ("Kestrel__Endpoints__B__Url", address),
            ("Gateway__ForwardingPorts__0", port.ToString(CultureInfo.InvariantCulture)));
        await using var service = new GatewayService(gateway.Api, "inside");
        var worker = (await mesh.WorkersAsync(1))[0];
        var registration = new { url = worker.Url, services = (string[])[service.Name], lease_seconds = 600 };
        using var outside = new Api(new(address));

        // Before there is a route, and when there is one.
        (await outside.GetAsync($"/service/{service.Name}/p")).ExpectProblem(503);
        (await gateway.Api.PutAsync($"/api/workers/{service.IdOf("w")}", registration)).Expect(201);
        (await outside.PostAsync($"/service/{service.Name}/p", "{}")).Expect(200);
        (await outside.GetAsync("/health/live")).Expect(200);
        (await outside.GetAsync("/health/ready")).Expect(200);

        (await outside.PutAsync($"/api/workers/{service.IdOf("w")}", registration)).ExpectProblem(404);
        (await outside.PostAsync($"/api/workers/{service.IdOf("w")}/heartbeat")).ExpectProblem(404);
        (await outside.DeleteAsync($"/api/workers/{service.IdOf("w")}")).ExpectProblem(404);
        foreach (var path in (string[])
        [
            "/", "/api/workers", $"/api/services/{service.Name}", $"/api/services/{service.Name}/workers", "/api/stats", "/api/services/list",
            "/api/coordinator/workers", "/metrics", "/health", "/dashboard/", "/openapi/v1.json",
            "//api/workers", "/API/workers",
        ])
        {
            (await outside.GetAsync(path)).ExpectProblem(404);
        }

        // As they are: a client of .NET would resolve them.
        foreach (var path in (string[])["/service/../api/workers", "/service/%2e%2e/api/workers", "http://mesh/api/workers"])
        {
            using var client = await RawClient.ConnectAsync(outside.Address);
            await client.SendAsync($"GET {path} HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 404 ", await client.ReadToEndAsync(), StringComparison.Ordinal);
        }

        (await gateway.Api.GetAsync("/api/workers")).Expect(200);
        (await gateway.Api.DeleteAsync($"/api/workers/{service.IdOf("w")}")).Expect(204);
    }
}
