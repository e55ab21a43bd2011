using System.Net.Sockets;
using System.Text;
using WorkerMesh.Tests.System.Dialects;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Answers that a worker writes byte by byte: what is well-formed is passed on, and nothing of what is not.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class WorkerAnswerTests(EmbeddedMesh mesh)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> WellFormed => new()
    {
        { "a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok" },
        { "interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok" },
        { "chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n", "ok" },
        { "chunks and trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n", "ok" },
        { "chunks and a length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok" },
        { "more than is received at once", "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + new string('x', 6000), new string('x', 6000) },
        { "no content", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "" },
        { "lines that end with LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok" },
        { "another answer behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "ok" },
    };

    public static TheoryData<string, string> Malformed => new()
    {
        { "a folded line", "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok" },
        { "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok" },
        { "an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok" },
        { "another protocol", "SSH-2.0-x\r\n" },
        { "a switch that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" },
        { "a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" },
        { "too many fields", "HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(0, 300).Select(i => $"X-{i}: a\r\n")) + "\r\n" },
        { "a head that does not end", "HTTP/1.1 200 OK\r\nX-A: " + new string('a', 70_000) },
        { "interim answers without end", string.Concat(Enumerable.Repeat("HTTP/1.1 102 x\r\n\r\n", 100)) },
    };

    [Theory]
    [MemberData(nameof(WellFormed))]
    public async Task What_is_well_formed_is_passed_on_and_nothing_that_follows(string name, string answer, string expected)
    {
        await using var service = mesh.NewService("answers");
        using var worker = new RecordingWorker(answer);
        await RegisterAsync(service, worker.Url);
        for (var i = 0; i < 3; i++)
        {
            var said = (await mesh.Api.GetAsync($"{service.Path}/{i}")).Expect(200);
            Assert.True(said.Text == expected, $"{name}: {said}");
            Assert.Null(said.Header("Link"));
        }

        Assert.Equal(["GET /0 ", "GET /1 ", "GET /2 "], worker.Requests.Select(r => r.Head[..7]));
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task What_is_malformed_is_answered_502(string name, string answer)
    {
        await using var service = mesh.NewService("malformed");
        using var worker = new RecordingWorker(answer);
        await RegisterAsync(service, worker.Url);
        var said = await mesh.Api.PostAsync($"{service.Path}/m");
        Assert.True(said.Status == 502, $"{name}: {said}");
        Assert.StartsWith(
            "The worker broke off", said.ExpectProblem(502).GetProperty("detail").GetString(), StringComparison.Ordinal);
        var stats = (await mesh.Api.GetAsync($"/api/stats?service={service.Name}")).Expect(200).Json;
        var counted = Assert.Single(stats.GetProperty("services").EnumerateArray()).GetProperty("outcomes");
        Assert.Equal(1, counted.GetProperty("unanswered").GetInt32());
    }

    /// <summary>What came before is with the client, or on its way: nothing else may follow it.</summary>
    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nid=12\r\nxyz\r\n")]
    [InlineData("Content-Length: 100\r\n\r\nid=12")]
    public async Task An_answer_that_turns_bad_is_broken_off_and_no_other_follows_it(string rest)
    {
        await using var service = mesh.NewService("turns");
        using var bad = new RecordingWorker("HTTP/1.1 200 OK\r\n" + rest, readsBody: false);
        await RegisterAsync(service, bad.Url);
        Assert.Equal("id=12", await ContentAsync(service));

        using var good = new RecordingWorker();
        (await service.PutAsync(mesh.Api, service.IdOf("good"), service.Registration(good.Url))).Expect(201);
        for (var i = 0; i < 20; i++)
        {
            Assert.Contains(await ContentAsync(service), (string[])["id=12", "ok"]);
        }
    }

    [Theory]
    [InlineData("Content-Length: 0\r\n\r\n", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", "no")]
    public async Task Nothing_is_added_to_an_answer_that_is_an_error(string rest, string expected)
    {
        await using var service = mesh.NewService("errors");
        using var worker = new RecordingWorker("HTTP/1.1 404 Not Found\r\n" + rest);
        await RegisterAsync(service, worker.Url);
        Assert.Equal(expected, (await mesh.Api.GetAsync($"{service.Path}/e")).Expect(404).Text);
    }

    [Fact]
    public async Task Values_beyond_ASCII_are_passed_on_byte_for_byte()
    {
        await using var service = mesh.NewService("latin");
        using var worker = new RecordingWorker("HTTP/1.1 200 OK\r\nX-A: \xc3\xa4\xff\r\nContent-Length: 0\r\n\r\n");
        await RegisterAsync(service, worker.Url);
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync($"GET {service.Path}/l HTTP/1.1\r\nHost: a\r\nX-B: \xc3\xa4\r\n\r\n");
        var head = new StringBuilder(await client.ReadHeadAsync());
        Assert.Contains("X-A: \xc3\xa4\xff\r\n", head.ToString(), StringComparison.Ordinal);
        Assert.Contains("X-B: \xc3\xa4\n", Assert.Single(worker.Requests).Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_that_closes_each_connection_without_a_word_fails_no_request()
    {
        await using var service = mesh.NewService("closing");
        using var worker = new ClosingWorker();
        await RegisterAsync(service, worker.Url);
        for (var i = 0; i < 200; i++)
        {
            (await mesh.Api.GetAsync($"{service.Path}/{i}")).Expect(200);
        }
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_content_was_sent_is_passed_on()
    {
        await using var service = mesh.NewService("early");
        using var worker = new RecordingWorker(
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", readsBody: false);
        await RegisterAsync(service, worker.Url);
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync($"POST {service.Path}/e HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
        Assert.StartsWith("HTTP/1.1 413 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 10", "-+", "34567890")]
    [InlineData("Transfer-Encoding: chunked", "2\r\n-+\r\n", "3\r\nabc\r\n0\r\n\r\n")]
    public async Task A_client_whose_worker_leaves_within_the_content_may_go_on_with_its_connection(string framing, string sent, string rest)
    {
        await using var service = mesh.NewService("leaves");
        using var worker = new TcpServer(async connection =>
        {
            // All that there is: the gateway waits for the client now.
            var (received, block) = (new StringBuilder(), new byte[4096]);
            while (!received.ToString().Contains(sent, StringComparison.Ordinal))
            {
                var count = await connection.GetStream().ReadAtLeastAsync(block, 1, throwOnEndOfStream: true, Token);
                received.Append(Encoding.Latin1.GetString(block, 0, count));
            }
        });
        await RegisterAsync(service, $"http://{worker.EndPoint}");
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync($"POST {service.Path}/x HTTP/1.1\r\nHost: mesh\r\n{framing}\r\n\r\n{sent}");
        Assert.StartsWith("HTTP/1.1 502", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendAsync($"{rest}GET /health/live HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n\r\n");
        var next = await client.ReadToEndAsync();
        Assert.Contains("HTTP/1.1 200", next, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_own_client_can_be_switched_off()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__OwnHttp1Client", "false"));
        await using var service = mesh.NewService("off");
        using var worker = new RecordingWorker();
        (await gateway.Api.PutAsync($"/api/workers/{service.IdOf("w")}", service.Registration(worker.Url))).Expect(201);
        Assert.Equal("ok", (await gateway.Api.GetAsync($"{service.Path}/o")).Expect(200).Text);
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task A_trace_goes_on_whichever_client_sends(string own)
    {
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__OwnHttp1Client", own));
        await using var service = new GatewayService(gateway.Api, "traced");
        using var worker = new RecordingWorker();
        await service.RegisterAsync("w", worker.Url, "{}");
        await AskAsync($"00-{trace}-00f067aa0ba902b7-01");
        await AskAsync("no trace");
        await AskAsync(null);

        var heads = worker.Requests.Select(r => r.Head).ToList();
        Assert.Matches($"(?im)^traceparent: 00-{trace}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-01$", heads[0]);
        Assert.Matches("(?im)^tracestate: a=b$", heads[0]);
        Assert.All(heads[1..], head =>
        {
            Assert.Matches($"(?im)^traceparent: 00-(?!{trace})[0-9a-f]{{32}}-[0-9a-f]{{16}}-00$", head);
            Assert.DoesNotContain("tracestate", head, StringComparison.OrdinalIgnoreCase);
        });

        async Task AskAsync(string? parent) => (await gateway.Api.SendAsync(
            HttpMethod.Get,
            "/service/traced/x",
            null,
            [("tracestate", "a=b"), .. parent is null ? [] : (IEnumerable<(string, string)>)[("traceparent", parent)]])).Expect(200);
    }

    /// <summary>What a client gets of the content, which must be cut off unless it is whole.</summary>
    private async Task<string> ContentAsync(Service service)
    {
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync($"GET {service.Path}/x HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n\r\n");
        var answer = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        var content = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        Assert.False(content.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal), answer);
        return content.Replace("5\r\nid=12\r\n", "id=12", StringComparison.Ordinal);
    }

    private async Task RegisterAsync(Service service, string url) =>
        (await service.PutAsync(mesh.Api, service.IdOf("w"), service.Registration(url))).Expect(201);

    /// <summary>Answers one request on each connection as if another might follow, and closes it a moment later.</summary>
    private sealed class ClosingWorker : IDisposable
    {
        private readonly TcpServer _server;

        public ClosingWorker()
        {
            var random = new Random(1);
            _server = new(client => ServeAsync(client, random.Next(3)));
        }

        public string Url => $"http://{_server.EndPoint}";

        public void Dispose() => _server.Dispose();

        private static async Task ServeAsync(TcpClient client, int pause)
        {
            await client.GetStream().ReadAtLeastAsync(new byte[4096], 1, throwOnEndOfStream: false, Token);
            await client.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray(), Token);
            await Task.Delay(TimeSpan.FromMilliseconds(pause), TimeProvider.System, Token);
        }
    }
}
