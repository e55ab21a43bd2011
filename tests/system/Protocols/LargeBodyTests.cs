using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Bodies that are larger than what the gateway may hold, and readers that are slower than those who send.</summary>
[Collection<OnEmbeddedMesh>]
public sealed partial class LargeBodyTests(EmbeddedMesh mesh) : IAsyncLifetime
{
    private const long TwoGibibytes = 2L * 1024 * 1024 * 1024;
    private const double MostGrowthMebibytes = 64;

    private GatewayProcess _gateway = null!;
    private WorkerProcess _worker = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _gateway = await mesh.StartGatewayAsync();
        _worker = await WorkerProcess.StartAsync("large");
        (await _gateway.Api.PutAsync(
            "/api/workers/large", new { url = _worker.Url, services = (string[])["large"], lease_seconds = 600 })).Expect(201);
        // What a process needs for its first requests is not what it needs for large ones.
        foreach (var version in (string[])["1.1", "2.0"])
        {
            for (var i = 0; i < 4; i++)
            {
                Assert.Equal(16_000_000, await DownloadAsync(version, 16_000_000));
                await UploadAsync(version, 16_000_000);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _worker.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Two_gibibytes_each_way_need_no_more_memory(string version)
    {
        await using var memory = ResidentMemory.Of(_gateway.Process);
        var clock = Stopwatch.StartNew();
        Assert.Equal(TwoGibibytes, await DownloadAsync(version, TwoGibibytes));
        Say($"down in {clock.Elapsed}, {memory}");
        clock.Restart();
        await UploadAsync(version, TwoGibibytes);
        Say($"up in {clock.Elapsed}, {memory}");
        Assert.InRange(memory.GrownMebibytes, 0, MostGrowthMebibytes);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_slow_reader_holds_the_worker_back(string version)
    {
        const int perSecond = 1024 * 1024;
        const int seconds = 4;
        await using var memory = ResidentMemory.Of(_gateway.Process);
        using var response = await SendAsync(new(HttpMethod.Get, Uri($"/flood?bytes={TwoGibibytes}")), version, Token);
        await using var body = await response.Content.ReadAsStreamAsync(Token);
        var buffer = new byte[perSecond];
        for (var i = 0; i < seconds; i++)
        {
            await body.ReadExactlyAsync(buffer, Token);
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, Token);
        }

        var sent = Flooded().Matches(_worker.Process.Log).Select(m => long.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))
            .LastOrDefault() / 1024 / 1024;
        Say($"the worker had sent {sent} MiB, the client read {seconds} MiB; {memory}");
        // What is between them: windows and the buffers of sockets.
        Assert.InRange(sent, 0, 100);
        Assert.InRange(memory.GrownMebibytes, 0, MostGrowthMebibytes);
    }

    [Theory]
    // A client that leaves an HTTP/1.1 connection whose bytes nobody takes can't be told from one that waits: the end of
    // the connection is behind them. The limit between bytes is what remains.
    [InlineData("1.1", 10)]
    [InlineData("2.0", 1)]
    public async Task A_worker_that_does_not_read_holds_the_client_back(string version, int secondsToNotice)
    {
        await using var memory = ResidentMemory.Of(_gateway.Process);
        using var leave = new CancellationTokenSource();
        using var content = new Zeros(TwoGibibytes);
        using var request = new HttpRequestMessage(HttpMethod.Post, Uri("/deaf")) { Content = content };
        request.Headers.Add("X-Mesh-Timeout-Between-Bytes", "6");
        var asking = SendAsync(request, version, leave.Token);
        await _worker.Process.LineAsync("deaf began");
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Token);
        var sent = content.Sent / 1024 / 1024;
        Say($"the client had sent {sent} MiB; {memory}");
        Assert.InRange(sent, 0, 100);
        Assert.InRange(memory.GrownMebibytes, 0, MostGrowthMebibytes);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await Eventually.Equals(
            "requests in flight",
            0,
            async () => (await _gateway.Api.GetAsync("/api/stats?service=large")).Json
                .GetProperty("services")[0].GetProperty("in_flight").GetInt32(),
            TimeSpan.FromSeconds(secondsToNotice));
    }

    private static void Say(string what) => TestContext.Current.TestOutputHelper?.WriteLine(what);

    private async Task<long> DownloadAsync(string version, long bytes)
    {
        using var response = await SendAsync(new(HttpMethod.Get, Uri($"/flood?bytes={bytes}")), version, Token);
        await using var body = await response.Content.ReadAsStreamAsync(Token);
        var buffer = new byte[256 * 1024];
        var received = 0L;
        while (await body.ReadAsync(buffer, Token) is var read and > 0)
        {
            received += read;
        }

        return received;
    }

    private async Task UploadAsync(string version, long bytes)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Uri("/sink")) { Content = new Zeros(bytes) };
        using var response = await SendAsync(request, version, Token);
        Assert.Contains($"\"body_bytes\":{bytes},", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    private Uri Uri(string path) => _gateway.Api.Uri($"/service/large{path}");

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, string version, CancellationToken token)
    {
        (request.Version, request.VersionPolicy) = (Version.Parse(version), HttpVersionPolicy.RequestVersionExact);
        var response = await _gateway.Api.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    [GeneratedRegex(@"^flooded (\d+)", RegexOptions.Multiline)]
    private static partial Regex Flooded();

    private sealed class Zeros(long bytes) : HttpContent
    {
        private long _sent;

        public long Sent => Volatile.Read(ref _sent);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, Token);

        protected override async Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            var piece = new byte[64 * 1024];
            while (bytes - _sent is var left and > 0)
            {
                var size = (int)Math.Min(left, piece.Length);
                await stream.WriteAsync(piece.AsMemory(0, size), cancellationToken);
                Volatile.Write(ref _sent, _sent + size);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes;
            return true;
        }
    }
}
