using System.Diagnostics;
using System.Globalization;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Many long answers at once do not slow down short ones.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class ManyStreamsTests(EmbeddedMesh mesh)
{
    private const int Streams = 1000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public Task Requests_keep_their_latency_beside_a_thousand_slow_streams() => CheckAsync(seconds: 20);

    [Fact(Explicit = true)]
    public Task Requests_keep_their_latency_beside_a_thousand_slow_streams_of_a_minute() => CheckAsync(seconds: 60);

    private async Task CheckAsync(int seconds)
    {
        await using var service = mesh.NewService("streams");
        await using var worker = await WorkerProcess.StartAsync("streams");
        await service.RegisterAsync(worker);
        // The first requests of a process measure its compiler.
        await MeasureAsync(service, TimeSpan.FromSeconds(2));
        var alone = await MeasureAsync(service, TimeSpan.FromSeconds(5));

        // Half of them share connections over HTTP/2.
        var begun = Enumerable.Range(0, Streams)
            .Select(i => BeginAsync(service, seconds + 1, i % 2 == 0 ? "1.1" : "2.0")).ToArray();
        var streams = await Task.WhenAll(begun);
        var beside = await MeasureAsync(service, TimeSpan.FromSeconds(seconds) - TimeSpan.FromSeconds(5));
        Say($"alone p50 {alone.P50} p99 {alone.P99}, beside {Streams} streams p50 {beside.P50} p99 {beside.P99}");
        await Task.WhenAll(streams.Select(s => s.ReadAsync(seconds + 1)));

        // Each stream sends once a second: that work is real, and on two cores it shows.
        Assert.True(beside.P50 < alone.P50 * 3 + TimeSpan.FromMilliseconds(5), $"{alone} {beside}");
        Assert.True(beside.P99 < alone.P99 * 3 + TimeSpan.FromMilliseconds(100), $"{alone} {beside}");
    }

    private async Task<SlowStream> BeginAsync(Service service, int drops, string version)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{service.Path}/drip?n={drops}&ms=1000");
        using var request = new HttpRequestMessage(HttpMethod.Get, mesh.Api.Uri(path))
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var response = await mesh.Api.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        return new(response.EnsureSuccessStatusCode());
    }

    /// <summary>The latencies of 100 requests a second.</summary>
    private async Task<Latencies> MeasureAsync(Service service, TimeSpan time)
    {
        List<TimeSpan> latencies = [];
        var clock = Stopwatch.StartNew();
        for (var due = TimeSpan.Zero; due < time; due += TimeSpan.FromMilliseconds(10))
        {
            if (due - clock.Elapsed is var early && early > TimeSpan.Zero)
            {
                await Task.Delay(early, TimeProvider.System, Token);
            }

            var begun = clock.Elapsed;
            (await mesh.Api.GetAsync($"{service.Path}/short")).Expect(200);
            latencies.Add(clock.Elapsed - begun);
        }

        latencies.Sort();
        return new(latencies[latencies.Count / 2], latencies[latencies.Count * 99 / 100]);
    }

    private static void Say(string what) => TestContext.Current.TestOutputHelper?.WriteLine(what);

    private sealed record Latencies(TimeSpan P50, TimeSpan P99);

    private sealed class SlowStream(HttpResponseMessage response)
    {
        public async Task ReadAsync(int drops)
        {
            using var _ = response;
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Token));
            for (var i = 0; i < drops; i++)
            {
                Assert.Equal($"drop {i}", await lines.ReadLineAsync(Token));
            }

            Assert.Null(await lines.ReadLineAsync(Token));
        }
    }
}
