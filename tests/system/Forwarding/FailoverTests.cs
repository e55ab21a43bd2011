namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>What becomes of requests where workers or their addresses are gone, or the client is.</summary>
public abstract class FailoverTests(Mesh mesh)
{
    private const string ClosedPort = "http://127.0.0.1:1";
    private const int Requests = 60;

    [Fact]
    public async Task A_refused_connection_goes_to_another_worker_whatever_the_method()
    {
        await using var service = mesh.NewService("refused");
        var live = (await mesh.WorkersAsync(1))[0];
        var dead = service.IdOf("dead");
        (await service.PutAsync(mesh.Api, dead, service.Registration(ClosedPort))).Expect(201);
        await service.RegisterAsync(live);
        foreach (var gateway in mesh.Gateways)
        {
            for (var i = 0; i < Requests; i++)
            {
                var answer = i % 2 == 0
                    ? await gateway.Api.GetAsync($"{service.Path}/{i}")
                    : await gateway.Api.PostAsync($"{service.Path}/{i}", new ByteArrayContent(new byte[i * 1000]));
                Assert.Equal(service.IdOf(live), answer.Expect(200).MeshWorker);
                Assert.Equal(i % 2 * i * 1000, answer.Json.GetProperty("body_bytes").GetInt32());
            }

            var stats = (await gateway.Api.GetAsync($"/api/stats?service={service.Name}")).Expect(200).Json;
            var failures = stats.GetProperty("workers").EnumerateArray()
                .Single(w => w.GetProperty("worker_id").GetString() == dead).GetProperty("failures").GetInt32();
            // The others may have heard of it from the first.
            var least = gateway == mesh.Gateways[0] ? 1 : 0;
            Assert.InRange(failures, least, Requests);
            Assert.InRange(stats.GetProperty("services")[0].GetProperty("retries").GetInt32(), least, Requests);
        }
    }

    [Fact]
    public async Task A_worker_with_several_addresses_is_reached_at_the_one_that_works()
    {
        await using var service = mesh.NewService("addresses");
        await using var own = await WorkerProcess.StartAsync("own");
        var shared = (await mesh.WorkersAsync(1))[0];
        var id = service.IdOf("both");
        string[] urls = [ClosedPort, own.Url, shared.Url];
        var body = service.Registration("", ("url", null), ("urls", urls));
        var found = (await service.PutAsync(mesh.Api, id, body)).Expect(201).Json.GetProperty("reachability");
        Assert.Equal("reachable", found.GetProperty("status").GetString());
        Assert.Equal(own.Url, found.GetProperty("url").GetString());
        await service.EverywhereAsync("it is listed", list => Service.Find(list, id) is not null);
        await ExpectAnswersAsync("own");

        // The address that was used goes: the next one takes over, for requests with a body too.
        await own.Process.KillAsync();
        await ExpectAnswersAsync(shared.Name);
        foreach (var gateway in mesh.Gateways)
        {
            var listed = Service.Find(await service.ListAsync(gateway.Api), id)!.Value;
            Assert.Equal(shared.Url, listed.GetProperty("url").GetString());
            Assert.Equal(urls, listed.GetProperty("urls").EnumerateArray().Select(u => u.GetString()));
        }

        async Task ExpectAnswersAsync(string name)
        {
            foreach (var gateway in mesh.Gateways)
            {
                for (var i = 0; i < 10; i++)
                {
                    var answer = await gateway.Api.PostAsync($"{service.Path}/{i}", """{"a":1}""");
                    Assert.Equal(name, answer.Expect(200).Header("X-Worker-Name"));
                    Assert.Equal(id, answer.MeshWorker);
                }
            }
        }
    }

    [Fact]
    public async Task A_client_that_leaves_cancels_the_request_at_the_worker()
    {
        await using var service = mesh.NewService("cancel");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker);
        using var leave = new CancellationTokenSource();
        var request = mesh.Api.Http.GetAsync(
            mesh.Api.Uri($"{service.Path}/slow?ms=60000&tag={service.Name}"), leave.Token);
        await worker.Process.LineAsync($"slow began {service.Name}");
        await leave.CancelAsync();
        await worker.Process.LineAsync($"slow cancelled {service.Name}", TimeSpan.FromSeconds(10));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await Eventually.Equals("outcome of the request", "1 client gone, 0 in flight", async () =>
        {
            var stats = (await mesh.Api.GetAsync($"/api/stats?service={service.Name}")).Json.GetProperty("services")[0];
            var gone = stats.GetProperty("outcomes").GetProperty("client_gone");
            return $"{gone} client gone, {stats.GetProperty("in_flight")} in flight";
        });
        // Not the worker's fault: it is not set aside.
        (await mesh.Api.GetAsync($"{service.Path}/next")).Expect(200);
        Assert.False(Service.Find(await service.ListAsync(mesh.Api), service.IdOf(worker))!.Value
            .GetProperty("gateway_set_aside").GetBoolean());
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class FailoverEmbeddedTests(EmbeddedMesh mesh) : FailoverTests(mesh);

[Collection<OnCluster>]
public sealed class FailoverClusterTests(ClusterMesh mesh) : FailoverTests(mesh);
