using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>
/// A worker in the test process that answers <c>GET /{ending}/{pieces}/{length}</c> with that many bytes, which end by a
/// length, in chunks or with the connection, in one, two or three sends with a pause between.
/// </summary>
internal sealed class PiecesWorker : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(3);

    private readonly TcpServer _server = new(ServeAsync);

    public string Url => $"http://{_server.EndPoint}";

    /// <summary>The content of an answer of this length.</summary>
    public static string Content(int length) =>
        string.Create(length, 0, static (span, _) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = (char)('a' + (i % 26));
            }
        });

    public void Dispose() => _server.Dispose();

    private static async Task ServeAsync(TcpClient client)
    {
        client.NoDelay = true;
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1, leaveOpen: true);
        while (await reader.ReadLineAsync() is { } first)
        {
            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
                // Headers.
            }

            var asked = first.Split(' ')[1].Split('/');
            foreach (var piece in Pieces(asked[1], asked[2], int.Parse(asked[3], CultureInfo.InvariantCulture)))
            {
                await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(piece));
                await Task.Delay(Pause, TimeProvider.System);
            }

            if (asked[1] == "close")
            {
                return;
            }
        }
    }

    private static IEnumerable<string> Pieces(string ending, string pieces, int length)
    {
        var head = ending switch
        {
            "length" => $"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n",
            "chunks" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            _ => "HTTP/1.0 200 OK\r\n\r\n",
        };
        var content = Content(length);
        var (begin, end) = (content[..(length / 2)], content[(length / 2)..]);
        var last = ending == "chunks" ? "0\r\n\r\n" : "";
        return pieces switch
        {
            "one" => [head + Framed(content) + last],
            "two" => [head, Framed(content) + last],
            _ => [head + Framed(begin), Framed(end[..^1]), Framed(end[^1..]) + last],
        };

        string Framed(string part) =>
            ending != "chunks" || part.Length == 0 ? part : $"{part.Length:x}\r\n{part}\r\n";
    }
}
