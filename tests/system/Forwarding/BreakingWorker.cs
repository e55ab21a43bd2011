using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>
/// A worker in the test process that answers with <c>id=</c>, the request's X-Id and <c>;</c>, in every manner that HTTP/1.1
/// has; one in six of its answers is broken, late, or comes before the content was read. Chance decides. Where it has read
/// less or more than the client's X-Length says, the id is wrong.
/// </summary>
internal sealed class BreakingWorker : IDisposable
{
    private const string Ok = "HTTP/1.1 200 OK\r\n";
    private const string Chunked = Ok + "Transfer-Encoding: chunked\r\n\r\n";
    private static readonly string[] HeadOnly = [Ok + "Content-Length: 7\r\n\r\n"];
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly TcpServer _server;
    private int _connections;

    /// <param name="seed">What chance decides.</param>
    /// <param name="certificate">What it shows; null where it has no TLS.</param>
    public BreakingWorker(int seed, TestCertificate? certificate)
    {
        _server = new(async client =>
        {
            var random = new Random(seed + (1000 * Interlocked.Increment(ref _connections)));
            await using Stream stream = certificate is null ? client.GetStream() : await certificate.SecureServerAsync(client.GetStream());
            await ServeAsync(client, stream, random);
        });
        Url = $"{(certificate is null ? "http" : "https")}://{_server.EndPoint}";
    }

    private enum Then
    {
        Stay,
        Close,
        Reset,
    }

    public string Url { get; }

    /// <summary>Fails unless this is the whole content of an answer to the request with this id, and nothing else.</summary>
    public static void ExpectAnswer(string id, string content)
    {
        Assert.StartsWith(Content(id), content, StringComparison.Ordinal);
        Assert.Equal("", content[Content(id).Length..].Trim('.'));
    }

    public void Dispose() => _server.Dispose();

    private static string Content(string id) => $"id={id};";

    private static async Task ServeAsync(TcpClient client, Stream stream, Random random)
    {
        client.NoDelay = true;
        using var reader = new MessageReader(stream);
        while (await RawMessage.ReadHeadAsync(reader) is { } head)
        {
            var isEarly = random.Next(10) == 0;
            var received = isEarly ? "" : await RawMessage.ReadContentAsync(reader, head, untilClose: false);
            var isWhole = isEarly || received.Length == int.Parse(head.Fields.GetValueOrDefault("X-Length", "0"), CultureInfo.InvariantCulture);
            var (pieces, then) = Answer(random, isWhole ? head.Fields["X-Id"] : "of no request");
            foreach (var piece in head.Line.StartsWith("HEAD", StringComparison.Ordinal) ? HeadOnly : pieces)
            {
                await stream.WriteAsync(Encoding.Latin1.GetBytes(piece));
                if (random.Next(8) == 0)
                {
                    await Task.Delay(Pause * random.NextDouble(), TimeProvider.System);
                }
            }

            if (then == Then.Reset || (isEarly && random.Next(2) == 0))
            {
                client.LingerState = new(enable: true, seconds: 0);
            }

            if (then != Then.Stay || isEarly)
            {
                return;
            }
        }
    }

    private static (string[] Pieces, Then Then) Answer(Random random, string id)
    {
        var content = Content(id);
        return random.Next(100) switch
        {
            < 2 => ([], Then.Reset),
            < 4 => ([], Then.Close),
            < 6 => (["HTTP/1.1 200 O"], Then.Reset),
            < 8 => (["nothing\r\n\r\n"], Then.Close),
            < 10 => (["HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"], Then.Stay),
            < 12 => ([Ok + "Content-Length: 100000\r\n\r\n" + content], Then.Reset),
            < 14 => ([Chunked + "3\r\nid="], Then.Close),
            < 16 => ([Chunked + Chunk(content), "no chunk\r\n"], Then.Stay),
            < 18 => (["HTTP/1.1 204 No Content\r\n\r\n"], Then.Stay),
            < 20 => ([Whole(content) + Whole("evil")], Then.Stay),
            < 24 => ([Ok + "Connection: close\r\n\r\n" + content], Then.Close),
            < 28 => (["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Whole(content)], Then.Stay),
            < 36 => ([Chunked, .. content.Select(c => Chunk(c.ToString())), "0\r\n\r\n"], Then.Stay),
            < 42 => (Halves(Whole(content + new string('.', random.Next(300_000)))), Then.Stay),
            < 44 => ([Chunked + Chunk(content), Chunk(new string('.', random.Next(1, 300_000))), "0\r\n\r\n"], Then.Stay),
            _ => ([Whole(content)], Then.Stay),
        };
    }

    private static string Whole(string content) =>
        string.Create(CultureInfo.InvariantCulture, $"{Ok}Content-Length: {content.Length}\r\n\r\n{content}");

    private static string Chunk(string content) =>
        string.Create(CultureInfo.InvariantCulture, $"{content.Length:x}\r\n{content}\r\n");

    private static string[] Halves(string text) => [text[..(text.Length / 2)], text[(text.Length / 2)..]];
}
