namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Names that stand for service types in forwarding paths.</summary>
public abstract class ShortNameTests(Mesh mesh)
{
    [Fact]
    public async Task A_short_name_leads_to_the_service_type_it_stands_for()
    {
        await using var service = new GatewayService(mesh.Api, "vision-ocr");
        using var worker = ScriptedWorker.Answering(200, "{}");
        await service.RegisterAsync("long", worker.Url, "{}");

        var answer = (await mesh.Api.PostAsync("/service/ocr/x?page=1", "{}")).Expect(200);
        Assert.Equal(service.IdOf("long"), answer.MeshWorker);
        (await mesh.Api.PostAsync("/service/ocr", "{}")).Expect(200);
        (await mesh.Api.GetAsync("/service/ocr/")).Expect(200);

        Assert.Equal(["POST /x?page=1", "POST /service/vision-ocr", "GET /"], worker.Asked.Select(a => a.Request));
    }

    [Fact]
    public async Task A_worker_that_registers_the_short_name_itself_takes_precedence()
    {
        await using var full = new GatewayService(mesh.Api, "vision-ocr");
        using var other = ScriptedWorker.Answering(200, "{}");
        await full.RegisterAsync("long", other.Url, "{}");
        (await mesh.Api.PostAsync("/service/ocr/before", "{}")).Expect(200);
        await using (var literal = new GatewayService(mesh.Api, "ocr"))
        {
            using var worker = ScriptedWorker.Answering(200, "{}");
            await literal.RegisterAsync("short", worker.Url, "{}");

            (await mesh.Api.PostAsync("/service/ocr/x", "{}")).Expect(200);
            (await mesh.Api.PostAsync("/service/ocr", "{}")).Expect(200);
            (await mesh.Api.PostAsync("/service/vision-ocr/y", "{}")).Expect(200);

            Assert.Equal(["POST /x", "POST /service/ocr"], worker.Asked.Select(a => a.Request));
            Assert.Equal(["POST /before", "POST /y"], other.Asked.Select(a => a.Request));
        }

        var after = await Eventually.Holds(
            "the long name's worker answers again",
            () => mesh.Api.PostAsync("/service/ocr/z", "{}"),
            a => a.Status == 200);
        Assert.Equal(full.IdOf("long"), after.MeshWorker);
    }

    [Fact]
    public async Task Where_nobody_offers_it_the_refusal_names_a_service()
    {
        var problem = (await mesh.Api.GetAsync("/service/notes/x")).ExpectProblem(503);
        Assert.Equal("notes-coa", problem.GetProperty("service").GetString());
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class ShortNameEmbeddedTests(EmbeddedMesh mesh) : ShortNameTests(mesh);

[Collection<OnCluster>]
public sealed class ShortNameClusterTests(ClusterMesh mesh) : ShortNameTests(mesh);
