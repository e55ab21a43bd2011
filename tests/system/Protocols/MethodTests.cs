using System.Globalization;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Methods, trailers and paths where they are unusual, over both versions of HTTP.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class MethodTests(EmbeddedMesh mesh)
{
    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("POST")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("PROPFIND")]
    public async Task Every_method_is_forwarded_over_HTTP_2(string method)
    {
        await using var service = await ServiceAsync("methods");
        using var request = Http2(new(method), $"{service.Path}/m");
        var answer = (await mesh.Api.SendAsync(request)).Expect(200);
        Assert.NotNull(answer.MeshWorker);
        if (method != "HEAD")
        {
            Assert.Equal(method, answer.Json.GetProperty("method").GetString());
            // What a worker without TLS surely speaks.
            Assert.Equal("HTTP/1.1", answer.Json.GetProperty("protocol").GetString());
            Assert.Equal("2 workermesh", answer.Json.GetProperty("headers").GetProperty("Via").GetString());
        }
    }

    [Theory]
    [InlineData("TRACE", "1.1")]
    [InlineData("trace", "1.1")]
    [InlineData("TRACE", "2.0")]
    public async Task TRACE_is_refused(string method, string version)
    {
        await using var service = await ServiceAsync("trace");
        using var request = new HttpRequestMessage(new(method), mesh.Api.Uri($"{service.Path}/t"))
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var answer = await mesh.Api.SendAsync(request);
        answer.ExpectProblem(405);
        Assert.Null(answer.MeshWorker);
    }

    [Theory]
    [InlineData("CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n")]
    [InlineData("CONNECT /service/{0}/c HTTP/1.1\r\nHost: a\r\n\r\n")]
    public async Task CONNECT_is_refused(string request)
    {
        await using var service = await ServiceAsync("connect");
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync(string.Format(CultureInfo.InvariantCulture, request, service.Name));
        var answer = await client.ReadHeadAsync();
        Assert.Matches("^HTTP/1.1 4[0-9][0-9] ", answer);
        Assert.DoesNotContain("X-Mesh-Worker", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Trailers_of_an_answer_are_passed_on()
    {
        await using var service = mesh.NewService("trailers");
        await using var worker = await PlainWorker.StartAsync();
        (await service.PutAsync(mesh.Api, service.IdOf("t"), service.Registration(worker.Url))).Expect(201);
        using var request = Http2(HttpMethod.Get, $"{service.Path}/trailers");
        using var response = await mesh.Api.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal("body", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["4"], response.TrailingHeaders.GetValues("X-Sum"));
    }

    [Theory]
    [InlineData("/a%20b/c%2Fd%2fe")]
    [InlineData("/%E4%BD%A0/%c3%28")]
    [InlineData("/a//b///")]
    [InlineData("/a+b;c=d,e/f'(g)!*~$&@:=")]
    [InlineData("/%7Euser/%41%5A%61")]
    [InlineData("/..a/...")]
    [InlineData("/%252e%252e/%25")]
    [InlineData("/a?b=c&d=%20+%2B&&=?/../x")]
    [InlineData("/a\"<>^`{|}b")]
    [InlineData("/?")]
    public async Task Odd_paths_reach_the_worker_byte_for_byte(string path)
    {
        await using var service = await ServiceAsync("odd");
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync($"GET {service.Path}{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.Equal(path, (await client.ReadJsonAsync()).GetProperty("path").GetString());
        using var request = Http2(HttpMethod.Get, service.Path + path);
        Assert.Equal(path, (await mesh.Api.SendAsync(request)).Expect(200).Json.GetProperty("path").GetString());
    }

    [Theory]
    [InlineData("/%2e%2e%2fadmin")]
    [InlineData("/%2E./admin")]
    [InlineData("/a/..%5c..%5Cadmin")]
    [InlineData("/a/..\\..\\admin")]
    [InlineData("/..;/admin")]
    [InlineData("/%2e%2e%3b/admin")]
    public async Task No_form_of_a_dot_segment_reaches_a_worker(string path)
    {
        await using var service = await ServiceAsync("climb");
        (await mesh.Api.GetAsync(service.Path + path)).ExpectError(400, "path");
        using var request = Http2(HttpMethod.Get, service.Path + path);
        (await mesh.Api.SendAsync(request)).ExpectError(400, "path");
    }

    [Fact]
    public async Task A_worker_that_refuses_a_body_it_was_asked_about_is_never_sent_it()
    {
        // Small bodies are sent all the same, so that the connection to the worker can be used again.
        const int length = 1_000_000;
        await using var service = mesh.NewService("expect");
        using var worker = new RecordingWorker("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", readsBody: false);
        (await service.PutAsync(mesh.Api, service.IdOf("e"), service.Registration(worker.Url))).Expect(201);
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync(
            $"POST {service.Path}/e HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
        var answer = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 417 ", answer, StringComparison.Ordinal);
        Assert.Contains("Expect: 100-continue", Assert.Single(worker.Requests).Head, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_client_that_waits_for_leave_to_send_its_body_is_given_it()
    {
        await using var service = await ServiceAsync("expect");
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync(
            $"POST {service.Path}/e HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 100 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendAsync("12345");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_client_that_leaves_cancels_the_request_at_the_worker_within_a_second(string version)
    {
        await using var service = await ServiceAsync("leave");
        var worker = (await mesh.WorkersAsync(1))[0];
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Get, mesh.Api.Uri($"{service.Path}/slow?ms=60000&tag={service.Name}"))
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var asking = mesh.Api.Http.SendAsync(request, leave.Token);
        await worker.Process.LineAsync($"slow began {service.Name}");
        await leave.CancelAsync();
        await worker.Process.LineAsync($"slow cancelled {service.Name}", TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
    }

    private HttpRequestMessage Http2(HttpMethod method, string path) => new(method, mesh.Api.Uri(path))
    {
        Version = new(2, 0),
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private async Task<Service> ServiceAsync(string name)
    {
        var service = mesh.NewService(name);
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        return service;
    }
}
