using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// A worker in the test process that takes HTTP/1.1 apart by hand, as strictly as RFC 9112 has it, and remembers each
/// request. What is left over, or is none, it remembers as a fault.
/// </summary>
internal sealed class RecordingWorker : IDisposable
{
    private readonly TcpServer _server;
    private readonly byte[] _answer;
    private readonly bool _readsBody;

    public RecordingWorker(string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", bool readsBody = true)
    {
        (_answer, _readsBody) = (Encoding.Latin1.GetBytes(answer), readsBody);
        _server = new(ServeAsync);
    }

    public string Url => $"http://{_server.EndPoint}";

    public ConcurrentQueue<(string Head, string Body)> Requests { get; } = [];

    public ConcurrentQueue<string> Faults { get; } = [];

    public void Dispose() => _server.Dispose();

    private async Task ServeAsync(TcpClient client)
    {
        using var reader = new MessageReader(client.GetStream());
        while (await reader.LineAsync() is { } first)
        {
            var head = new StringBuilder(first).Append('\n');
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            while (await reader.LineAsync() is { Length: > 0 } line)
            {
                head.Append(line).Append('\n');
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon < 1 || line[..colon].Any(c => c is ' ' or '\t') || !headers.TryAdd(line[..colon], line[(colon + 1)..].Trim()))
                {
                    Faults.Enqueue($"header line '{line}'");
                }
            }

            if (first.Split(' ') is not [_, _, "HTTP/1.1"])
            {
                Faults.Enqueue($"request line '{first}'");
            }

            var body = _readsBody ? await BodyAsync(reader, headers) : "";
            Requests.Enqueue((head.ToString(), body));
            await client.GetStream().WriteAsync(_answer);
            if (!_readsBody)
            {
                return;
            }
        }
    }

    private async Task<string> BodyAsync(MessageReader reader, Dictionary<string, string> headers)
    {
        headers.TryGetValue("Content-Length", out var length);
        if (headers.TryGetValue("Transfer-Encoding", out var coding))
        {
            if (length is not null || coding != "chunked")
            {
                Faults.Enqueue($"Transfer-Encoding '{coding}' with Content-Length '{length}'");
            }

            var body = await reader.ChunksAsync();
            while (await reader.LineAsync() is { Length: > 0 })
            {
                // Trailers.
            }

            return body;
        }

        return length is null ? "" : await reader.BytesAsync(int.Parse(length, CultureInfo.InvariantCulture));
    }
}
