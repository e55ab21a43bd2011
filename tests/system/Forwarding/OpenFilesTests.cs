using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Clients that open more connections than a gateway may have files open.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class OpenFilesTests : IAsyncLifetime
{
    private const int OpenFiles = 1024;
    private const string Ok = "HTTP/1.1 200";
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
    public async Task Clients_beyond_the_limit_are_told_so_and_then_turned_away_and_nothing_ends()
    {
        List<TcpClient> clients = [];
        try
        {
            while (true)
            {
                clients.Add(await ConnectAsync());
                var answer = await AskAsync(clients[^1], "/api/workers");
                if (!answer.StartsWith(Ok, StringComparison.Ordinal))
                {
                    Assert.StartsWith("HTTP/1.1 503", answer, StringComparison.Ordinal);
                    Assert.Contains("\r\nRetry-After: 1\r\n", answer, StringComparison.Ordinal);
                    Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
                    Assert.Contains($"short of open files (ulimit -n {OpenFiles})", answer, StringComparison.Ordinal);
                    break;
                }

                Assert.InRange(clients.Count, 1, OpenFiles);
            }

            Assert.InRange(clients.Count, 100, OpenFiles);
            // Whoever watches over it is answered.
            using (var watcher = await ConnectAsync())
            {
                Assert.StartsWith(Ok, await AskAsync(watcher, "/health/live"), StringComparison.Ordinal);
            }

            // These say nothing, so that nothing is answered.
            for (var i = 0; i < OpenFiles / 2; i++)
            {
                clients.Add(new());
                await ConnectAsync(clients[^1]);
            }

            await _gateway.Process.LineAsync($"This gateway is short of open files (ulimit -n {OpenFiles})");
            // Who is in stays in, and the gateway has what it needs for itself.
            Assert.StartsWith(Ok, await AskAsync(clients[0], "/openapi/v1.json"), StringComparison.Ordinal);
            var metrics = await AskAsync(clients[1], "/metrics");
            Assert.Matches("\nmesh_clients_refused_total\\{[^}]*\\} [1-9]", metrics);
            Assert.Matches("\nmesh_requests_refused_total\\{[^}]*\\} [1-9]", metrics);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }

        await Eventually.Equals("whether a client is served", true, async () =>
        {
            using var client = new TcpClient();
            return await ConnectAsync(client) && (await AskAsync(client, "/api/workers")).StartsWith(Ok, StringComparison.Ordinal);
        });
        Assert.False(_gateway.Process.Exited.IsCompleted);
    }

    [Fact]
    public async Task Requests_beyond_the_limit_may_come_back_and_no_worker_is_blamed()
    {
        const int connections = 10;
        const int requests = 100 * connections;
        using var worker = new TcpServer(HoldAsync);
        var body = new { url = $"http://{worker.EndPoint}", services = (string[])["held"], lease_seconds = 600 };
        (await _gateway.Api.PutAsync("/api/workers/held", body)).Expect(201);
        await Eventually.Equals("the workers", 1, async () =>
            (await _gateway.Api.GetAsync("/api/services/held")).Expect(200).Json.GetProperty("count").GetInt32());
        // A hundred share a connection of the client, and each takes one of its own to the worker.
        var clients = Enumerable.Range(0, connections).Select(_ => new HttpClient
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Timeout.InfiniteTimeSpan,
        }).ToList();
        foreach (var client in clients)
        {
            (await client.GetAsync(_gateway.Api.Uri("/health/live"), Token)).EnsureSuccessStatusCode();
        }

        var asked = Enumerable.Range(0, requests)
            .Select(i => clients[i % connections].GetAsync(_gateway.Api.Uri("/service/held/x"), Token)).ToList();
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
            Assert.Contains("no room for the request", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        }

        var info = (await _gateway.Api.GetAsync("/api/workers/held")).Expect(200).Json;
        Assert.Equal("online", info.GetProperty("state").GetString());
        Assert.False(info.GetProperty("unreachable").GetBoolean());
        _released.SetResult();
        var all = await Task.WhenAll(asked);
        Assert.InRange(all.Count(answer => answer.StatusCode == HttpStatusCode.OK), 100, OpenFiles);
        Assert.All(all, answer => Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable));
        (await _gateway.Api.GetAsync("/service/held/after")).Expect(200);
        clients.ForEach(client => client.Dispose());
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

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _gateway.Api.Address.Port, Token);
        return client;
    }

    /// <summary>Whether it was not reset in the same moment.</summary>
    private async Task<bool> ConnectAsync(TcpClient client)
    {
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, _gateway.Api.Address.Port, Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>The answer, or what there is of it where the connection ends.</summary>
    private static async Task<string> AskAsync(TcpClient client, string path)
    {
        try
        {
            return await AskAsync(client.GetStream(), path);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task<string> AskAsync(NetworkStream stream, string path)
    {
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
