using WorkerMesh.Tests.System.Dialects;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>
/// Workers and clients that break off, and answer too early, all at once and as chance decides.
/// </summary>
[Collection<OnEmbeddedMesh>]
public sealed class BreakingPeersTests(EmbeddedMesh mesh)
{
    private const int Clients = 40;

    [Theory]
    [InlineData("true", false)]
    [InlineData("false", false)]
    [InlineData("true", true)]
    public async Task Whoever_breaks_off_each_client_gets_its_own_answer_or_none_and_nothing_is_left_over(string own, bool tls)
    {
        var (seed, duration) = Chance.Take(seconds: 6);
        var certificate = tls ? new TestCertificate() : null;
        await using var gateway = await mesh.StartGatewayAsync(
            [("Gateway__OwnHttp1Client", own), .. certificate?.GatewaySettings ?? []]);
        var address = tls ? await gateway.SecureAddressAsync() : gateway.Api.Address;
        List<BreakingWorker> workers = [];
        try
        {
            // The second service type's workers have room for few requests: others wait, and are refused.
            await using var wide = new GatewayService(gateway.Api, "wide");
            await using var narrow = new GatewayService(gateway.Api, "narrow");
            for (var i = 0; i < 4; i++)
            {
                await RegisterAsync(wide, $"{i}", maxConcurrency: null);
                await RegisterAsync(narrow, $"{i}", maxConcurrency: 3);
            }

            using var over = new CancellationTokenSource(duration);
            string[] services = [wide.Name, narrow.Name];
            BreakingClient[] clients = [.. Enumerable.Range(1, Clients).Select(i => new BreakingClient(address, certificate, services, seed + (1000 * i)))];
            BreakingStreams[] streams = [.. Enumerable.Range(Clients + 1, 3).Select(i => new BreakingStreams(address, certificate, services, seed + (1000 * i)))];
            await Task.WhenAll([.. clients.Select(c => c.RunAsync(over.Token)), .. streams.Select(s => s.RunAsync(over.Token))]);

            var ends = clients.SelectMany(c => c.Ends).ToLookup(e => e.Key, e => e.Value).ToDictionary(e => e.Key, e => e.Sum());
            TestContext.Current.TestOutputHelper!.WriteLine($"{string.Join(", ", ends.Select(e => $"{e.Key}: {e.Value}"))}, over HTTP/2 {streams.Sum(s => s.Right)}");
            Assert.InRange(ends.GetValueOrDefault(200), 100, int.MaxValue);
            var kinds = BreakingClient.Lengths.SelectMany(length => (bool[])[true, false], (length, chunked) => (length, chunked));
            Assert.Empty(kinds.Except(clients.SelectMany(c => c.Answered)));
            Assert.All(streams, s => Assert.InRange(s.Right, 10, int.MaxValue));
            await Eventually.Equals("requests in flight", 0, async () => await InFlightAsync(gateway.Api));
            string[] errors = [.. gateway.Faults, .. gateway.Process.LinesWith("fail:")];
            Assert.True(errors.Length == 0, string.Join('\n', errors));
        }
        finally
        {
            workers.ForEach(w => w.Dispose());
        }

        async Task RegisterAsync(GatewayService service, string name, int? maxConcurrency)
        {
            workers.Add(new(seed + workers.Count, certificate));
            (await gateway.Api.PutAsync(
                $"/api/workers/{service.IdOf(name)}",
                new { url = workers[^1].Url, services = (string[])[service.Name], max_concurrency = maxConcurrency, lease_seconds = 3600 }))
                .Expect(201);
        }
    }

    private static async Task<int> InFlightAsync(Api api) =>
        (await api.GetAsync("/api/stats")).Expect(200).Json.GetProperty("workers").EnumerateArray()
            .Sum(w => w.GetProperty("in_flight").GetInt32());
}
