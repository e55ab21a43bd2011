namespace WorkerMesh.Tests.System.Contract;

/// <summary>What forwarding answers itself, where no worker does.</summary>
public abstract class RefusalTests(Mesh mesh)
{
    [Fact]
    public async Task An_unknown_service_type_is_503_with_those_that_there_are()
    {
        await using var service = mesh.NewService("known");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        foreach (var gateway in mesh.Gateways)
        {
            var answer = await Eventually.Holds(
                $"{service.Name} is among the available services",
                () => gateway.Api.PostAsync("/service/nobody-offers-this/x", "{}"),
                a => a.ExpectProblem(503).GetProperty("available_services").EnumerateArray()
                    .Any(s => s.GetString() == service.Name));
            Assert.Equal("nobody-offers-this", answer.Json.GetProperty("service").GetString());
            Assert.InRange(int.Parse(answer.Header("Retry-After")!, null), 1, 60);
        }
    }

    [Fact]
    public async Task A_worker_that_is_gone_is_502_with_the_attempts()
    {
        await using var service = mesh.NewService("gone");
        var body = service.Registration("http://127.0.0.1:1");
        (await service.PutAsync(mesh.Api, service.IdOf("dead"), body)).Expect(201);
        var problem = (await mesh.Api.GetAsync(service.Path + "/x")).ExpectProblem(502);
        Assert.Equal(service.Name, problem.GetProperty("service").GetString());
        Assert.Equal(1, problem.GetProperty("attempts").GetInt32());
        Assert.Equal("No worker could be reached.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Without_a_path_the_request_goes_to_the_path_that_workers_serve()
    {
        await using var service = mesh.NewService("pathless");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        var said = (await mesh.Api.PostAsync($"{service.Path}?a=%20b", "{}")).Expect(200).Json;
        Assert.Equal($"{service.Path}?a=%20b", said.GetProperty("path").GetString());
        said = (await mesh.Api.GetAsync($"{service.Path}/")).Expect(200).Json;
        Assert.Equal("/", said.GetProperty("path").GetString());
    }

    [Fact]
    public async Task A_path_that_there_is_not_is_a_problem_too()
    {
        (await mesh.Api.GetAsync("/no/such/path")).ExpectProblem(404);
        (await mesh.Api.PostAsync("/api/peers", "{}")).ExpectProblem(405);
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class RefusalEmbeddedTests(EmbeddedMesh mesh) : RefusalTests(mesh);

[Collection<OnCluster>]
public sealed class RefusalClusterTests(ClusterMesh mesh) : RefusalTests(mesh);
