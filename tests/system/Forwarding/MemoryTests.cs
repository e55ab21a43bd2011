using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Clients that send more than a gateway has memory for.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class MemoryTests : IAsyncLifetime
{
    /// <summary>Hexadecimal, as the runtime reads it: 100 MiB.</summary>
    private const string Heap = "6400000";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _directory = Guard.CreateDirectory();
    private GatewayProcess _gateway = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _gateway = await GatewayProcess.StartAsync(
        "small gateway",
        new Dictionary<string, string>
        {
            ["Mesh__DataDirectory"] = _directory,
            ["DOTNET_GCHeapHardLimit"] = Heap,
            // Of a client that goes while its worker takes nothing more a gateway hears no sooner.
            ["Gateway__Services__deaf__BetweenBytesTimeout"] = "00:00:02",
        });

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Uploads_that_nobody_reads_are_refused_before_the_memory_is_used_up()
    {
        const int uploads = 1200;
        using var worker = new TcpServer(_ => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, Token));
        await RegisterAsync("deaf", $"http://{worker.EndPoint}");
        await using var other = await WorkerProcess.StartAsync("other");
        await RegisterAsync("other", other.Url);

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var answers = new List<string>();
        var clients = Enumerable.Range(0, uploads).Select(_ => UploadAsync()).ToList();
        await _gateway.Process.LineAsync("This gateway is short of memory (100 MiB)");
        await Eventually.Equals("health", 200, HealthAsync, Patience);
        await Task.WhenAny(Task.WhenAll(clients), Task.Delay(Patience, TimeProvider.System, Token));
        await ended.CancelAsync();
        await Task.WhenAll(clients);
        Assert.InRange(answers.Count(answer => answer is "503" or "closed"), 1, uploads);
        Assert.InRange(answers.Count(answer => answer == "504"), 1, uploads);
        await Eventually.Equals(
            "the status of a large body",
            200,
            LargeBodyAsync,
            Patience);
        Assert.False(_gateway.Process.Exited.IsCompleted, _gateway.Process.Log);

        async Task UploadAsync()
        {
            var answer = "closed";
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, _gateway.Api.Address.Port, ended.Token);
                var stream = client.GetStream();
                var sent = SendAsync(stream);
                var head = new byte[64];
                if (await stream.ReadAtLeastAsync(head, 12, throwOnEndOfStream: false, ended.Token) >= 12)
                {
                    answer = Encoding.ASCII.GetString(head, 9, 3);
                }
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                answer = ended.IsCancellationRequested ? "stopped" : answer;
            }

            lock (answers)
            {
                answers.Add(answer);
            }
        }

        async Task SendAsync(NetworkStream stream)
        {
            try
            {
                await stream.WriteAsync(
                    "POST /service/deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"u8.ToArray(), ended.Token);
                var piece = new byte[256 * 1024];
                while (true)
                {
                    await stream.WriteAsync(piece, ended.Token);
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
            {
                // Refused, or the test ends.
            }
        }

        Task<int> HealthAsync() => StatusAsync(async () =>
        {
            using var http = new HttpClient();
            using var answer = await http.GetAsync(_gateway.Api.Uri("/health/live"), Token);
            return (int)answer.StatusCode;
        });

        Task<int> LargeBodyAsync() => StatusAsync(async () =>
            (await _gateway.Api.PostAsync("/service/other/echo", new { text = new string('x', 100_000) })).Status);

        // 0 where the connection was closed; in the moment in which it is made that is another exception.
        static async Task<int> StatusAsync(Func<Task<int>> ask)
        {
            try
            {
                return await ask();
            }
            catch (Exception e) when (e is HttpRequestException or SocketException)
            {
                return 0;
            }
        }
    }

    [Fact]
    public async Task Workers_that_there_is_no_memory_for_are_refused_and_the_others_stay()
    {
        Answer? refused = null;
        var registered = 0;
        await Parallel.ForAsync(0, 100_000, new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = Token }, async (i, _) =>
        {
            if (Volatile.Read(ref refused) is not null)
            {
                return;
            }

            var answer = await _gateway.Api.PutAsync($"/api/workers/w{i}?check=false", Body("http://127.0.0.1:1", $"many-{i % 100}"));
            if (answer.Status == 201)
            {
                Interlocked.Increment(ref registered);
            }
            else
            {
                Interlocked.CompareExchange(ref refused, answer, null);
            }
        });

        Assert.NotNull(refused);
        var detail = refused.ExpectProblem(503).GetProperty("detail").GetString();
        Assert.Contains("short of memory (100 MiB)", detail, StringComparison.Ordinal);
        Assert.NotNull(refused.Header("Retry-After"));
        await _gateway.Process.LineAsync("New workers can't be stored: The silo is short of memory (100 MiB)");
        (await _gateway.Api.PostAsync("/api/workers/w0/heartbeat", new { load = 0.5 })).Expect(200);
        // Where nothing more is to be kept.
        (await _gateway.Api.PutAsync("/api/workers/w1?check=false", Body("http://127.0.0.1:2", "many-1"))).Expect(200);
        (await _gateway.Api.DeleteAsync("/api/workers/w2")).Expect(204);
        Assert.InRange(registered, 1000, 99_999);
        Assert.False(_gateway.Process.Exited.IsCompleted, _gateway.Process.Log);
    }

    private static object Body(string url, string service) => new { url, services = (string[])[service], lease_seconds = 3600 };

    private async Task RegisterAsync(string name, string url)
    {
        (await _gateway.Api.PutAsync($"/api/workers/{name}", Body(url, name))).Expect(201);
        await Eventually.Equals("the workers", 1, async () =>
            (await _gateway.Api.GetAsync($"/api/services/{name}")).Expect(200).Json.GetProperty("count").GetInt32());
    }
}
