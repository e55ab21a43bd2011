using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>WebSockets: over HTTP/1.1 by an upgrade, over HTTP/2 by an extended CONNECT (RFC 8441).</summary>
[Collection<OnEmbeddedMesh>]
public sealed class WebSocketTests(EmbeddedMesh mesh)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1", 10_000)]
    [InlineData("2.0", 1_000)]
    public async Task Every_message_comes_back_in_order(string version, int messages)
    {
        await using var service = mesh.NewService("socket");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        using var socket = await ConnectAsync(service, version);
        var receiving = ReceiveAsync();
        for (var i = 0; i < messages; i++)
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes($"message {i}"), WebSocketMessageType.Text, true, Token);
        }

        await receiving;
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Token);
        Assert.Equal("bye", socket.CloseStatusDescription);

        async Task ReceiveAsync()
        {
            var buffer = new byte[1024];
            for (var i = 0; i < messages; i++)
            {
                var read = await socket.ReceiveAsync(buffer, Token);
                Assert.True(read.EndOfMessage);
                Assert.Equal($"message {i}", Encoding.UTF8.GetString(buffer, 0, read.Count));
            }
        }
    }

    [Fact]
    public async Task A_message_of_a_megabyte_comes_back_whole()
    {
        await using var service = mesh.NewService("socket");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        using var socket = await ConnectAsync(service, "1.1");
        var sent = new byte[1024 * 1024];
        Random.Shared.NextBytes(sent);
        var sending = socket.SendAsync(sent, WebSocketMessageType.Binary, true, Token);
        var received = new byte[sent.Length];
        for (var length = 0; length < sent.Length;)
        {
            length += (await socket.ReceiveAsync(received.AsMemory(length), Token)).Count;
        }

        await sending;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    private async Task<ClientWebSocket> ConnectAsync(Service service, string version)
    {
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = Version.Parse(version);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.CollectHttpResponseDetails = true;
        var address = new UriBuilder(mesh.Api.Uri($"{service.Path}/socket")) { Scheme = "ws" }.Uri;
        await socket.ConnectAsync(address, new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false }), Token);
        Assert.Equal(
            version == "1.1" ? HttpStatusCode.SwitchingProtocols : HttpStatusCode.OK, socket.HttpStatusCode);
        return socket;
    }
}
