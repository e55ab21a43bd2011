using System.Globalization;
using System.Net;
using WorkerMesh.Tests.System.Dialects;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>
/// Answers of many lengths, in one piece or in several, as servers of many kinds send them: they come whole to clients
/// of every version of HTTP.
/// </summary>
[Collection<OnEmbeddedMesh>]
public sealed class AnswerPiecesTests(EmbeddedMesh mesh)
{
    private static readonly string[] Paths =
    [
        .. from ending in (string[])["length", "chunks", "close"]
        from pieces in (string[])["one", "two", "three"]
        // Around what a connection and a client are sent at once.
        from length in (int[])[1, 2048, 3900, 4096, 6000, 16 * 1024, 60_000, 64 * 1024, 70_000, 300_000]
        select $"/{ending}/{pieces}/{length}",
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task They_come_whole_whichever_client_the_gateway_uses(string own)
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__OwnHttp1Client", own));
        await using var service = new GatewayService(gateway.Api, "pieces");
        using var worker = new PiecesWorker();
        await service.RegisterAsync("w", worker.Url, "{}");
        foreach (var path in Paths)
        {
            var expected = PiecesWorker.Content(int.Parse(path[(path.LastIndexOf('/') + 1)..], CultureInfo.InvariantCulture));
            foreach (var version in (Version[])[HttpVersion.Version10, HttpVersion.Version11, HttpVersion.Version20])
            {
                var what = $"{path} over HTTP/{version}";
                Assert.True(await AskAsync(gateway.Api, $"/service/{service.Name}{path}", version, what) == expected, what);
            }
        }
    }

    private static async Task<string> AskAsync(Api gateway, string path, Version version, string what)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        using var request = new HttpRequestMessage(HttpMethod.Get, gateway.Uri(path))
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        try
        {
            using var response = await gateway.Http.SendAsync(request, limit.Token);
            return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!Token.IsCancellationRequested)
        {
            throw new TimeoutException(what);
        }
    }
}
