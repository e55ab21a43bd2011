using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Clients that open more connections than a gateway may have files open.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class OpenFilesTests : IAsyncLifetime
{
    private const int OpenFiles = 1024;
    private readonly string _directory = Guard.CreateDirectory();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private GatewayProcess _gateway = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _gateway = await GatewayProcess.StartAsync(
        "narrow gateway", new Dictionary<string, string> { ["Mesh__DataDirectory"] = _directory }, OpenFiles);

    public async ValueTask DisposeAsync()
    {
        _released.TrySetResult();
        await _gateway.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Clients_beyond_the_limit_are_turned_away_and_nothing_ends()
    {
        List<TcpClient> admitted = [];
        try
        {
            while (await TryConnectAsync() is { } client)
            {
                admitted.Add(client);
                Assert.InRange(admitted.Count, 1, OpenFiles);
            }

            Assert.InRange(admitted.Count, 100, OpenFiles);
            // Who is in stays in, and the gateway has what it needs for itself.
            Assert.True(await AnswersAsync(admitted[0], "/api/workers"));
            Assert.True(await AnswersAsync(admitted[^1], "/openapi/v1.json"));
            var metrics = await AskAsync(admitted[1], "/metrics");
            Assert.Contains("mesh_clients_refused_total", metrics, StringComparison.Ordinal);
            await _gateway.Process.LineAsync($"as this process may have open, {OpenFiles}");
        }
        finally
        {
            admitted.ForEach(client => client.Dispose());
        }

        await Eventually.Equals(
            "whether a client is let in", true, async () => (await TryConnectAsync()) is { } client && Left(client));
        Assert.False(_gateway.Process.Exited.IsCompleted);

        static bool Left(TcpClient client)
        {
            client.Dispose();
            return true;
        }
    }

    [Fact]
    public async Task Requests_beyond_the_limit_may_come_back_and_no_worker_is_blamed()
    {
        const int requests = 1000;
        using var worker = new TcpServer(HoldAsync);
        var body = new { url = $"http://{worker.EndPoint}", services = (string[])["held"], lease_seconds = 600 };
        (await _gateway.Api.PutAsync("/api/workers/held", body)).Expect(201);
        await Eventually.Equals("the workers", 1, async () =>
            (await _gateway.Api.GetAsync("/api/services/held")).Expect(200).Json.GetProperty("count").GetInt32());
        // A hundred share a connection of the client, and each takes one of its own to the worker.
        using var http = new HttpClient(new SocketsHttpHandler { EnableMultipleHttp2Connections = true })
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Timeout.InfiniteTimeSpan,
        };

        var asked = Enumerable.Range(0, requests).Select(_ => http.GetAsync(_gateway.Api.Uri("/service/held/x"), Token)).ToList();
        var refused = new List<HttpResponseMessage>();
        var waiting = new HashSet<Task<HttpResponseMessage>>(asked);
        // At least so many can't be in flight: each has a descriptor.
        while (refused.Count < requests - OpenFiles + 200)
        {
            var answered = await Task.WhenAny(waiting).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
            waiting.Remove(answered);
            refused.Add(await answered);
        }

        foreach (var answer in refused)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
            Assert.Contains("as many connections open as it may", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        }

        var info = (await _gateway.Api.GetAsync("/api/workers/held")).Expect(200).Json;
        Assert.Equal("online", info.GetProperty("state").GetString());
        Assert.False(info.GetProperty("unreachable").GetBoolean());
        _released.SetResult();
        var all = await Task.WhenAll(asked);
        Assert.InRange(all.Count(answer => answer.StatusCode == HttpStatusCode.OK), 100, OpenFiles);
        Assert.All(all, answer => Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable));
        (await _gateway.Api.GetAsync("/service/held/after")).Expect(200);
    }

    [Fact]
    public async Task Too_low_a_limit_ends_a_gateway_at_its_start_with_a_sentence()
    {
        var settings = new Dictionary<string, string> { ["Mesh__DataDirectory"] = _directory };
        var ended = await Assert.ThrowsAnyAsync<InvalidOperationException>(
            () => GatewayProcess.ListenAsync("gateway with nothing", settings, openFiles: 512));

        Assert.Contains("may have 512 files open, connections included, and needs 1024", ended.Message, StringComparison.Ordinal);
    }

    private async Task HoldAsync(TcpClient client)
    {
        var stream = client.GetStream();
        var buffer = new byte[4096];
        while (await stream.ReadAsync(buffer, Token) > 0)
        {
            await _released.Task;
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray(), Token);
        }
    }

    /// <summary>A connection on which the gateway has answered; null where it closes it instead.</summary>
    private async Task<TcpClient?> TryConnectAsync()
    {
        var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, _gateway.Api.Address.Port, Token);
            if (await AnswersAsync(client, "/health/live"))
            {
                return client;
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // It was reset.
        }

        client.Dispose();
        return null;
    }

    private static async Task<bool> AnswersAsync(TcpClient client, string path) =>
        (await AskAsync(client, path)).StartsWith("HTTP/1.1 200", StringComparison.Ordinal);

    /// <summary>The answer, or what there is of it where the connection ends.</summary>
    private static async Task<string> AskAsync(TcpClient client, string path)
    {
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"), Token);
        var text = new StringBuilder();
        var buffer = new byte[65536];
        do
        {
            var count = await stream.ReadAsync(buffer, Token);
            if (count == 0)
            {
                break;
            }

            text.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        while (!IsWhole(text.ToString()));
        return text.ToString();
    }

    private static bool IsWhole(string answer)
    {
        const string length = "Content-Length: ";
        var head = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var at = answer.IndexOf(length, StringComparison.Ordinal);
        return head >= 0 && (at >= 0 && at < head
            ? answer.Length - head - 4 >= int.Parse(answer[(at + length.Length)..answer.IndexOf('\r', at)], null)
            : answer.EndsWith("0\r\n\r\n", StringComparison.Ordinal));
    }
}
