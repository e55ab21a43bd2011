using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Methods, headers, statuses and bodies pass through as they are.</summary>
public abstract class TransferTests(Mesh mesh)
{
    private const int FiveMebibytes = 5 * 1024 * 1024;

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("PROPFIND")]
    public async Task Every_method_is_forwarded(string method)
    {
        await using var service = await ServiceAsync("methods");
        var answer = (await mesh.Api.SendAsync(new(method), $"{service.Path}/m")).Expect(200);
        Assert.NotNull(answer.MeshWorker);
        if (method != "HEAD")
        {
            Assert.Equal(method, answer.Json.GetProperty("method").GetString());
        }
    }

    [Theory]
    [InlineData(301)]
    [InlineData(404)]
    [InlineData(418)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Whatever_status_the_worker_answers_is_passed_on(int status)
    {
        await using var service = await ServiceAsync("statuses");
        var answer = (await mesh.Api.GetAsync($"{service.Path}/status/{status}")).Expect(status);
        Assert.NotNull(answer.MeshWorker);
        Assert.Equal("worker0", answer.Header("X-Worker-Name"));
    }

    [Fact]
    public async Task Five_mebibytes_come_back_as_they_were_sent()
    {
        await using var service = await ServiceAsync("large");
        var sent = RandomNumberGenerator.GetBytes(FiveMebibytes);
        foreach (var chunked in (bool[])[false, true])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, mesh.Api.Uri($"{service.Path}/echo"))
            {
                Content = new ByteArrayContent(sent),
            };
            request.Headers.TransferEncodingChunked = chunked;
            using var response = await mesh.Api.Http.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var received = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            Assert.True(sent.AsSpan().SequenceEqual(received));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Content_of_any_length_reaches_the_worker_however_it_comes(int writes)
    {
        await using var service = await ServiceAsync("lengths");
        // Around what a connection receives at once, and what is sent on with its head.
        foreach (var length in (int[])[1, 2048, 8191, 8192, 60_000, 65_535, 65_536, 65_537, 70_000, 81_919, 82_000, 300_000])
        {
            var body = RandomNumberGenerator.GetBytes(length);
            var head = $"POST {service.Path}/sink HTTP/1.1\r\nHost: mesh\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n";
            byte[] request = [.. Encoding.ASCII.GetBytes(head), .. body];
            using var client = await RawClient.ConnectAsync(mesh.Api.Address);
            foreach (var piece in request.Chunk((request.Length + writes - 1) / writes))
            {
                await client.SendAsync(piece);
            }

            var said = await client.ReadJsonAsync();
            Assert.Equal(length, said.GetProperty("body_bytes").GetInt32());
            Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), said.GetProperty("sha256").GetString());
        }
    }

    [Fact]
    public async Task A_request_body_reaches_the_worker_before_the_client_has_sent_all_of_it()
    {
        await using var service = await ServiceAsync("upload");
        var worker = await WorkerProcess.StartAsync("sink");
        await using var _ = worker;
        (await mesh.Api.DeleteAsync($"/api/workers/{service.IdOf("worker0")}")).Expect(204);
        await service.RegisterAsync(worker);
        var body = RandomNumberGenerator.GetBytes(FiveMebibytes);
        using var content = new GatedContent(body, first: 100_000, worker.Process.LineAsync("body began"));
        var said = (await mesh.Api.PostAsync($"{service.Path}/sink", content)).Expect(200).Json;
        Assert.Equal(body.Length, said.GetProperty("body_bytes").GetInt32());
        Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), said.GetProperty("sha256").GetString());
    }

    [Fact]
    public async Task An_answer_reaches_the_client_piece_by_piece()
    {
        await using var service = await ServiceAsync("download");
        var token = TestContext.Current.CancellationToken;
        using var response = await mesh.Api.Http.GetAsync(
            mesh.Api.Uri($"{service.Path}/drip?n=5&ms=200"), HttpCompletionOption.ResponseHeadersRead, token);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(token));
        Assert.Equal("drop 0", await lines.ReadLineAsync(token));
        // The worker takes 800 ms more: an answer that was held back would now be there whole.
        var clock = Stopwatch.StartNew();
        for (var i = 1; i < 5; i++)
        {
            Assert.Equal($"drop {i}", await lines.ReadLineAsync(token));
        }

        Assert.True(clock.Elapsed > TimeSpan.FromMilliseconds(400), $"All was there after {clock.Elapsed}.");
        Assert.Null(await lines.ReadLineAsync(token));
    }

    [Fact]
    public async Task Forwarding_headers_are_continued_and_hop_by_hop_headers_are_not_passed_on()
    {
        await using var service = await ServiceAsync("headers");
        var said = (await mesh.Api.SendAsync(
            HttpMethod.Get,
            $"{service.Path}/h",
            null,
            ("X-Forwarded-For", "192.0.2.7"),
            ("X-Forwarded-Host", "elsewhere"),
            ("Via", "1.1 other"),
            ("Connection", "X-Private"),
            ("X-Private", "1"),
            ("Keep-Alive", "timeout=5"),
            ("X-Mine", "a"))).Expect(200).Json.GetProperty("headers");
        Assert.Equal(["192.0.2.7", "127.0.0.1"], List("X-Forwarded-For"));
        Assert.Equal(mesh.Api.Address.Authority, said.GetProperty("X-Forwarded-Host").GetString());
        Assert.Equal(["1.1 other", "1.1 workermesh"], List("Via"));
        Assert.Equal("a", said.GetProperty("X-Mine").GetString());
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$", said.GetProperty("traceparent").GetString());
        Assert.All(
            (string[])["Connection", "X-Private", "Keep-Alive"],
            name => Assert.False(said.TryGetProperty(name, out _), name));

        var answer = (await mesh.Api.GetAsync($"{service.Path}/hop")).Expect(200);
        Assert.Equal("b", answer.Header("X-Theirs"));
        Assert.Null(answer.Header("X-Hop"));

        string[] List(string name) => said.GetProperty(name).GetString()!.Split(',', StringSplitOptions.TrimEntries);
    }

    [Fact]
    public async Task A_base_path_stays_in_front_of_the_path()
    {
        await using var service = mesh.NewService("based");
        var worker = (await mesh.WorkersAsync(1))[0];
        (await service.PutAsync(mesh.Api, service.IdOf("b"), service.Registration($"{worker.Url}/base/"))).Expect(201);
        var said = (await mesh.Api.GetAsync($"{service.Path}/x%2Fy?z")).Expect(200).Json;
        Assert.Equal("/base/x%2Fy?z", said.GetProperty("path").GetString());
    }

    [Theory]
    [InlineData("/a/../b")]
    [InlineData("/./a")]
    [InlineData("/a/%2e%2E/b")]
    [InlineData("/a/.")]
    public async Task Dot_segments_are_refused(string path)
    {
        await using var service = await ServiceAsync("dots");
        (await mesh.Api.GetAsync(service.Path + path)).ExpectError(400, "path");
    }

    [Fact]
    public async Task Dot_segments_that_leave_the_service_type_reach_no_worker()
    {
        await using var service = await ServiceAsync("climbers");
        var answer = await mesh.Api.GetAsync($"{service.Path}/../{service.Name}/x");
        answer.ExpectError(400, "path");
        answer = await mesh.Api.GetAsync($"{service.Path}/..");
        answer.ExpectProblem(404);
        Assert.Null(answer.MeshWorker);
    }

    private async Task<Service> ServiceAsync(string name)
    {
        var service = mesh.NewService(name);
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        return service;
    }

    /// <summary>Sends its first bytes, and the others once it may.</summary>
    private sealed class GatedContent(byte[] body, int first, Task gate) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(body.AsMemory(0, first));
            await stream.FlushAsync();
            await gate;
            await stream.WriteAsync(body.AsMemory(first));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class TransferEmbeddedTests(EmbeddedMesh mesh) : TransferTests(mesh);

[Collection<OnCluster>]
public sealed class TransferClusterTests(ClusterMesh mesh) : TransferTests(mesh);
