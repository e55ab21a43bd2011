using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Grpc.Net.Client;
using WorkerMesh.Tests.Worker.Grpc;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>A gateway with a certificate, and workers with one: ALPN chooses the version of HTTP.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class TlsTests(EmbeddedMesh mesh) : IAsyncLifetime
{
    private readonly TestCertificate _certificate = new();
    private GatewayProcess _gateway = null!;
    private Uri _address = null!;
    private HttpMessageInvoker _client = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _gateway = await mesh.StartGatewayAsync(_certificate.GatewaySettings);
        _address = await _gateway.SecureAddressAsync();
        _client = new(_certificate.NewHandler());
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _gateway.DisposeAsync();
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_client_and_the_gateway_agree_on_a_version(string version)
    {
        await RegisterAsync("plain", (await mesh.WorkersAsync(1))[0]);
        using var response = await GetAsync("/service/plain/p", version);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(version, response.Version.ToString());
        Assert.Contains("\"X-Forwarded-Proto\":\"https\"", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_with_a_certificate_serves_nobody_without_TLS()
    {
        using var client = await RawClient.ConnectAsync(_address);
        await client.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");
        var answer = await client.ReadToEndAsync();
        // Not a frame of HTTP/2: at most an alert of TLS (content type 21).
        Assert.True(answer.Length == 0 || answer[0] == 21, $"{answer.Length} bytes");
    }

    [Fact]
    public async Task A_worker_with_a_certificate_is_sent_HTTP_2_and_WebSockets_over_it()
    {
        await using var worker = await StartWorkerAsync("secure");
        await RegisterAsync("secure", worker);
        using var response = await GetAsync("/service/secure/s", "1.1");
        Assert.Contains("\"protocol\":\"HTTP/2\"", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);

        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new($"wss://{_address.Authority}/service/secure/socket"), _client, Token);
        await ExpectEchoAsync(socket);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Token);
    }

    [Fact]
    public async Task A_gRPC_call_passes_with_TLS_on_both_sides()
    {
        await using var worker = await StartWorkerAsync("calls", "--grpc=1");
        await RegisterAsync("calls", worker);
        using var handler = new BelowPath("/service/calls", _certificate.NewHandler());
        using var channel = GrpcChannel.ForAddress(_address, new() { HttpHandler = handler });
        var said = await new Echo.EchoClient(channel).OnceAsync(new() { Text = "secure" }, cancellationToken: Token);
        Assert.Equal("secure", said.Text);
    }

    [Fact]
    public async Task A_worker_whose_certificate_is_not_trusted_was_not_reached()
    {
        var other = new TestCertificate();
        await using var worker = await WorkerProcess.StartAsync(
            "stranger", $"--certificate={other.Path}", $"--key={other.KeyPath}");
        await RegisterAsync("stranger", worker);
        (await _gateway.Api.PostAsync("/service/stranger/s", "{}")).ExpectProblem(502);
    }

    /// <summary>Kestrel by itself closes the address for it, and with it what is under way, after 5 s.</summary>
    [Fact]
    public async Task A_certificate_that_is_replaced_is_shown_to_new_clients_and_those_who_are_there_do_not_notice()
    {
        await RegisterAsync("plain", (await mesh.WorkersAsync(1))[0]);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new($"wss://{_address.Authority}/service/plain/socket"), _client, Token);
        await ExpectAnswersAsync();
        var first = await ShownAsync();

        _certificate.Replace();
        await _gateway.Process.LineAsync("are shown the new certificate");
        var second = await ShownAsync();
        Assert.NotEqual(first, second);
        await ExpectEchoAsync(socket);
        // On the connections that are there: this client does not trust the new certificate.
        await ExpectAnswersAsync();
        await ExpectAnswersAsync();

        File.WriteAllText(_certificate.KeyPath, "no key");
        await _gateway.Process.LineAsync("can't be used; clients are shown the certificate it held before");
        Assert.Equal(second, await ShownAsync());
        await ExpectEchoAsync(socket);
    }

    private async Task ExpectAnswersAsync()
    {
        foreach (var version in (string[])["1.1", "2.0"])
        {
            using var response = await GetAsync("/service/plain/p", version);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    private static async Task ExpectEchoAsync(ClientWebSocket socket)
    {
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, Token);
        var buffer = new byte[100];
        Assert.Equal(5, (await socket.ReceiveAsync(buffer, Token)).Count);
    }

    private async Task<string> ShownAsync()
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(_address.Host, _address.Port, Token);
        await using var secure = await _certificate.SecureClientAsync(connection.GetStream());
        return secure.RemoteCertificate!.GetCertHashString();
    }

    private Task<WorkerProcess> StartWorkerAsync(string name, params string[] options) => WorkerProcess.StartAsync(
        name, [$"--certificate={_certificate.Path}", $"--key={_certificate.KeyPath}", .. options]);

    private async Task RegisterAsync(string service, WorkerProcess worker) => (await _gateway.Api.PutAsync(
        $"/api/workers/{service}", new { url = worker.Url, services = (string[])[service], lease_seconds = 600 })).Expect(201);

    private async Task<HttpResponseMessage> GetAsync(string path, string version)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_address, path))
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        return await _client.SendAsync(request, Token);
    }
}
