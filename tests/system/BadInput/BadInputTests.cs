using System.Text;
using System.Text.Json;

namespace WorkerMesh.Tests.System.BadInput;

/// <summary>Whatever is wrong is refused, with the name of what is wrong, and changes nothing.</summary>
public abstract class BadInputTests(Mesh mesh)
{
    private const int OverOneMebibyte = (1024 * 1024) + 1;

    public static TheoryData<string> Names => [.. BadRequests.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Is_refused_with_the_field_and_changes_nothing(string name)
    {
        var bad = BadRequests.All[name];
        await using var scene = await Scene.SetAsync(mesh);
        var answer = await mesh.Api.SendAsync(
            new(bad.Method), scene.Fill(bad.Path), bad.Body is null ? null : scene.Fill(bad.Body));
        answer.ExpectError(bad.Status, bad.Field);
        await scene.ExpectUnchangedAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_one_mebibyte_is_refused_and_changes_nothing(bool chunked)
    {
        await using var scene = await Scene.SetAsync(mesh);
        var text = scene.Fill(BadRequest.Registration("padding", $"\"{new string('x', OverOneMebibyte)}\""));
        using var request = new HttpRequestMessage(HttpMethod.Put, mesh.Api.Uri(scene.Fill("/api/workers/{id}")))
        {
            Content = new StringContent(text, Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = chunked;
        // Or the answer may be lost with the connection that the server closes on the rest of the body.
        request.Headers.ExpectContinue = true;
        (await mesh.Api.SendAsync(request)).ExpectError(413, "body");
        await scene.ExpectUnchangedAsync();
    }

    [Theory]
    [InlineData("application/xml", null, "Content-Type")]
    [InlineData("application/json", "gzip", "Content-Encoding")]
    public async Task A_body_in_another_form_is_refused_and_changes_nothing(string type, string? encoding, string field)
    {
        await using var scene = await Scene.SetAsync(mesh);
        var content = new StringContent(scene.Fill(BadRequest.Registration("weight", "5")), Encoding.UTF8, type);
        if (encoding is not null)
        {
            content.Headers.ContentEncoding.Add(encoding);
        }

        var answer = await mesh.Api.PutAsync(scene.Fill("/api/workers/{id}"), content);
        answer.ExpectError(415, field);
        await scene.ExpectUnchangedAsync();
    }

    /// <summary>A worker that was registered twice, so that an incarnation is stale, and how it was before.</summary>
    private sealed class Scene(Mesh mesh, Service service, string id) : IAsyncDisposable
    {
        private string _before = "";

        public static async Task<Scene> SetAsync(Mesh mesh)
        {
            var service = mesh.NewService("canary");
            var worker = (await mesh.WorkersAsync(1))[0];
            await service.RegisterAsync(worker, ("zone", "rack-a"));
            await service.RegisterAsync(worker, ("zone", "rack-a"));
            var scene = new Scene(mesh, service, service.IdOf(worker));
            scene._before = await scene.DescribeAsync();
            return scene;
        }

        public string Fill(string text) => text
            .Replace("{id}", id, StringComparison.Ordinal)
            .Replace("{service}", service.Name, StringComparison.Ordinal);

        public async Task ExpectUnchangedAsync() => Assert.Equal(_before, await DescribeAsync());

        public ValueTask DisposeAsync() => service.DisposeAsync();

        private async Task<string> DescribeAsync()
        {
            var worker = (await mesh.Api.GetAsync($"/api/workers/{id}")).Expect(200).Json;
            var list = await service.ListAsync(mesh.Api);
            var all = (await mesh.Api.GetAsync("/api/workers?limit=1000")).Expect(200).Json;
            // All but the time that its lease has left; that nobody has renewed it, its counters say.
            var members = worker.EnumerateObject().Where(m => m.Name != "lease").Select(m => m.ToString());
            return $"{string.Join('\n', members)}\nindex {list.GetProperty("index")}\nworkers {Ids(all)}";
        }

        private static string Ids(JsonElement page) => string.Join(
            ' ', page.GetProperty("workers").EnumerateArray().Select(w => w.GetProperty("worker_id").GetString()));
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class BadInputEmbeddedTests(EmbeddedMesh mesh) : BadInputTests(mesh);

[Collection<OnCluster>]
public sealed class BadInputClusterTests(ClusterMesh mesh) : BadInputTests(mesh);
