using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Connecting, the first byte and the pauses between bytes each have a limit of their own.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class TimeLimitTests(EmbeddedMesh mesh)
{
    private const string Connect = "X-Mesh-Timeout-Connect";
    private const string FirstByte = "X-Mesh-Timeout-First-Byte";
    private const string BetweenBytes = "X-Mesh-Timeout-Between-Bytes";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_whose_answer_does_not_begin_in_its_time_is_answered_504_and_cancelled_at_the_worker()
    {
        await using var service = await ServiceAsync("first");
        var worker = (await mesh.WorkersAsync(1))[0];
        var answer = await mesh.Api.SendAsync(
            HttpMethod.Post, $"{service.Path}/slow?ms=60000&tag={service.Name}", "{}", (FirstByte, "0.5"));
        Assert.Equal(service.Name, answer.ExpectProblem(504).GetProperty("service").GetString());
        await worker.Process.LineAsync($"slow cancelled {service.Name}", TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task An_upload_that_goes_on_is_not_cut_by_the_first_byte_limit()
    {
        await using var service = await ServiceAsync("upload");
        using var content = new PacedContent(pieces: 10, TimeSpan.FromMilliseconds(200));
        var answer = await mesh.Api.SendAsync(HttpMethod.Post, $"{service.Path}/sink", content, (FirstByte, "0.8"));
        Assert.Equal(10 * PacedContent.PieceBytes, answer.Expect(200).Json.GetProperty("body_bytes").GetInt32());
    }

    [Fact]
    public async Task The_first_byte_may_take_longer_than_a_pause_between_bytes()
    {
        await using var service = await ServiceAsync("patient");
        (await mesh.Api.SendAsync(
            HttpMethod.Get, $"{service.Path}/slow?ms=1500&tag=p", null, (FirstByte, "30"), (BetweenBytes, "0.5"))).Expect(200);
    }

    [Fact]
    public async Task An_answer_that_pauses_for_too_long_is_broken_off()
    {
        await using var service = await ServiceAsync("pause");
        var path = $"{service.Path}/paused?ms=1500";
        Assert.Equal("ab", (await mesh.Api.SendAsync(HttpMethod.Get, path, null, (FirstByte, "0.5"))).Expect(200).Text);
        // Not as if it were whole.
        await Assert.ThrowsAsync<HttpRequestException>(
            () => mesh.Api.SendAsync(HttpMethod.Get, path, null, (BetweenBytes, "0.5")));
    }

    [Fact]
    public async Task A_client_that_pauses_in_its_request_is_told_so_and_the_worker_is_not_blamed()
    {
        await using var service = await ServiceAsync("stuck");
        var worker = (await mesh.WorkersAsync(1))[0];
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync(
            $"POST {service.Path}/sink HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n{BetweenBytes}: 0.5\r\n\r\n12345");
        Assert.StartsWith("HTTP/1.1 408 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.False(Service.Find(await service.ListAsync(mesh.Api), service.IdOf(worker))!.Value
            .GetProperty("gateway_set_aside").GetBoolean());
    }

    [Fact]
    public async Task A_worker_that_takes_no_more_of_a_request_is_given_up()
    {
        await using var service = await ServiceAsync("deaf");
        using var content = new ByteArrayContent(new byte[64 * 1024 * 1024]);
        var answer = await mesh.Api.SendAsync(HttpMethod.Post, $"{service.Path}/deaf", content, (BetweenBytes, "1"));
        answer.ExpectProblem(504);
    }

    [Fact]
    public async Task A_connection_that_is_not_made_in_the_requests_time_is_given_up()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__ConnectTimeout", "00:00:30"));
        await using var service = mesh.NewService("connect");
        using var full = FullListener.Start();
        (await service.PutAsync(gateway.Api, service.IdOf("c"), service.Registration(full.Url))).Expect(201);
        var clock = Stopwatch.StartNew();
        var answer = await gateway.Api.SendAsync(
            HttpMethod.Post, $"{service.Path}/c", "{}", (Connect, "0.3"), (FirstByte, "0.1"));
        // Nothing was sent, so it is not the first byte that was late.
        Assert.Equal(1, answer.ExpectProblem(502).GetProperty("attempts").GetInt32());
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_service_type_has_limits_of_its_own()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__Services__hasty__FirstByteTimeout", "00:00:00.5"));
        var worker = (await mesh.WorkersAsync(1))[0];
        foreach (var (type, expected) in ((string, int)[])[("hasty", 504), ("calm", 200)])
        {
            (await gateway.Api.PutAsync(
                $"/api/workers/{type}", new { url = worker.Url, services = (string[])[type], lease_seconds = 600 })).Expect(201);
            (await gateway.Api.GetAsync($"/service/{type}/slow?ms=1500&tag=own")).Expect(expected);
        }

        (await gateway.Api.SendAsync(HttpMethod.Get, "/service/hasty/slow?ms=1500&tag=own", null, (FirstByte, "10"))).Expect(200);
    }

    [Theory]
    [InlineData(Connect, "soon")]
    [InlineData(FirstByte, "-1")]
    [InlineData(BetweenBytes, "0")]
    public async Task A_limit_that_is_no_number_of_seconds_is_refused(string header, string value)
    {
        await using var service = await ServiceAsync("bad");
        (await mesh.Api.SendAsync(HttpMethod.Get, $"{service.Path}/b", null, (header, value))).ExpectError(400, header);
    }

    [Fact]
    public async Task The_limits_are_between_client_and_gateway_only()
    {
        await using var service = await ServiceAsync("private");
        var said = (await mesh.Api.SendAsync(
            HttpMethod.Get, $"{service.Path}/p", null, (Connect, "1"), (FirstByte, "2.5"), (BetweenBytes, "99999999"), ("X-Mine", "a")))
            .Expect(200).Json.GetProperty("headers");
        Assert.Equal(["X-Mine"], said.EnumerateObject().Select(h => h.Name).Where(
            name => name.StartsWith("X-M", StringComparison.OrdinalIgnoreCase)));
    }

    private async Task<Service> ServiceAsync(string name)
    {
        var service = mesh.NewService(name);
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        return service;
    }

    /// <summary>A body that comes in pieces with pauses between them.</summary>
    private sealed class PacedContent(int pieces, TimeSpan pause) : HttpContent
    {
        public const int PieceBytes = 1000;

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var i = 0; i < pieces; i++)
            {
                await stream.WriteAsync(new byte[PieceBytes], Token);
                await stream.FlushAsync(Token);
                await Task.Delay(pause, TimeProvider.System, Token);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>An address where connections are neither made nor refused: those that wait to be taken fill its queue.</summary>
    private sealed class FullListener : IDisposable
    {
        private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp);
        private readonly List<Socket> _waiting = [];

        public string Url { get; private set; } = "";

        public static FullListener Start()
        {
            var listener = new FullListener();
            listener._socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener._socket.Listen(0);
            var address = (IPEndPoint)listener._socket.LocalEndPoint!;
            listener.Url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{address.Port}");
            Socket last;
            do
            {
                last = new(SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
                listener._waiting.Add(last);
                try
                {
                    last.Connect(address);
                }
                catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
                {
                    // Under way.
                }
            }
            while (last.Poll(TimeSpan.FromMilliseconds(300), SelectMode.SelectWrite));

            return listener;
        }

        public void Dispose()
        {
            _waiting.ForEach(socket => socket.Dispose());
            _socket.Dispose();
        }
    }
}
