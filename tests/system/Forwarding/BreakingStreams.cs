using System.Globalization;
using System.Net;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>A client of HTTP/2 with several requests at once on a connection, one in four of which it resets.</summary>
/// <param name="gateway">Whom it asks.</param>
/// <param name="certificate">What that shows; null where there is no TLS.</param>
/// <param name="services">The service types of its requests.</param>
/// <param name="seed">What chance decides.</param>
internal sealed class BreakingStreams(Uri gateway, TestCertificate? certificate, string[] services, int seed)
{
    private const int AtOnce = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private int _asked;
    private int _right;

    /// <summary>Requests that were answered 200, by the worker.</summary>
    public int Right => _right;

    /// <summary>Goes on until the time is over.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        using var handler = certificate?.NewHandler() ?? new();
        using var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(i => RunAsync(http, new Random(seed + i), over)));
    }

    private async Task RunAsync(HttpClient http, Random random, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            var resets = random.Next(4) == 0;
            using var limit = new CancellationTokenSource(resets ? TimeSpan.FromMilliseconds(random.Next(20)) : Patience);
            var id = string.Create(CultureInfo.InvariantCulture, $"{seed}-{Interlocked.Increment(ref _asked)}");
            var path = $"/service/{services[random.Next(services.Length)]}/x";
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway, path))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Headers = { { "X-Id", id } },
            };
            if (random.Next(2) == 0)
            {
                request.Method = HttpMethod.Post;
                var length = random.Next(40_000);
                request.Content = new ByteArrayContent(new byte[length]);
                request.Headers.Add("X-Length", length.ToString(CultureInfo.InvariantCulture));
            }

            try
            {
                using var answer = await http.SendAsync(request, limit.Token);
                var content = await answer.Content.ReadAsStringAsync(CancellationToken.None);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    BreakingWorker.ExpectAnswer(id, content);
                    Interlocked.Increment(ref _right);
                }
            }
            catch (HttpRequestException)
            {
                // Broken off, as the worker's answer was.
            }
            catch (OperationCanceledException) when (resets)
            {
                // Reset by this client.
            }
        }
    }
}
