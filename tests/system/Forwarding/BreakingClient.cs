using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>
/// A client whose requests are of every kind, several on a connection, and who leaves in the middle of one in five. Chance
/// decides. An answer that another request should have had, or none at all, is a fault.
/// </summary>
/// <param name="gateway">Whom it asks.</param>
/// <param name="certificate">What that shows; null where there is no TLS.</param>
/// <param name="services">The service types of its requests.</param>
/// <param name="seed">What chance decides.</param>
internal sealed class BreakingClient(Uri gateway, TestCertificate? certificate, string[] services, int seed)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly string[] Methods = ["GET", "GET", "GET", "GET", "HEAD", "DELETE", "PUT", "POST", "POST", "POST"];
    private static readonly string[] Wishes =
    [
        "X-Mesh-Affinity: a\r\n", "X-Mesh-Affinity: b\r\n", "X-Mesh-Priority: high\r\n", "X-Mesh-Timeout-First-Byte: 0.02\r\n",
    ];

    /// <summary>Of the contents of its requests, in bytes.</summary>
    public static readonly int[] Lengths = [0, 1, 100, 1024, 20_000, 300_000, 1_000_000];

    private readonly Random _random = new(seed);
    private int _asked;
    private string _doing = "";

    /// <summary>Requests that were answered, by status; 0: the connection was closed instead, 1: this client left.</summary>
    public Dictionary<int, int> Ends { get; } = [];

    /// <summary>The lengths of contents that a worker has answered as they should be.</summary>
    public HashSet<(int Length, bool Chunked)> Answered { get; } = [];

    /// <summary>Goes on until the time is over.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                using var connection = new TcpClient { NoDelay = true };
                await connection.ConnectAsync(gateway.Host, gateway.Port);
                await using Stream stream = certificate is null
                    ? connection.GetStream()
                    : await certificate.SecureClientAsync(connection.GetStream());
                using var reader = new MessageReader(stream);
                await UseAsync(connection, stream, reader).WaitAsync(Patience, TimeProvider.System, CancellationToken.None);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                Count(0);
            }
            catch (TimeoutException e)
            {
                throw new TimeoutException($"No end of {_doing} within {Patience}.", e);
            }
        }
    }

    private async Task UseAsync(TcpClient connection, Stream stream, MessageReader reader)
    {
        for (var left = _random.Next(1, 12); left > 0; left--)
        {
            var (head, content, id, kind) = Request();
            var isHead = head.StartsWith("HEAD", StringComparison.Ordinal);
            var choice = _random.Next(100);
            _doing = string.Create(CultureInfo.InvariantCulture, $"{choice} with {content.Length} bytes after {head}");
            switch (choice)
            {
                case < 4:
                    await LeaveAsync(connection, SendAsync(stream, head[.._random.Next(1, head.Length)]));
                    return;
                case < 10 when content.Length > 0:
                    await LeaveAsync(connection, SendAsync(stream, head + content[.._random.Next(content.Length)]));
                    return;
                case < 16:
                    await LeaveAsync(connection, SendAsync(stream, head + content));
                    return;
                case < 19:
                    var first = SendAsync(stream, head + content);
                    await reader.SomeAsync(_random.Next(1, 200));
                    await LeaveAsync(connection, first);
                    return;
                case < 24 when content.Length == 0 && !isHead:
                    string[] further = [NewId(), NewId(), NewId()];
                    await SendAsync(stream, head + string.Concat(further.Select(Get)));
                    foreach (var asked in (string[])[id, .. further])
                    {
                        if (!await AnswerAsync(reader, asked, kind, isHead: false))
                        {
                            return;
                        }
                    }

                    break;
                default:
                    await SendAsync(stream, head);
                    if (_random.Next(4) == 0)
                    {
                        await PauseAsync();
                    }

                    // The worker may answer before it has read it all, and read no more.
                    var sending = SendAsync(stream, content);
                    if (!await AnswerAsync(reader, id, kind, isHead))
                    {
                        return;
                    }

                    await sending;

                    break;
            }
        }
    }

    /// <returns>Whether another request may follow.</returns>
    private async Task<bool> AnswerAsync(MessageReader reader, string id, (int Length, bool Chunked) kind, bool isHead)
    {
        RawMessage head;
        int status;
        do
        {
            head = await RawMessage.ReadHeadAsync(reader) ?? throw new IOException("No answer.");
            status = int.Parse(head.Line.Split(' ')[1], CultureInfo.InvariantCulture);
        }
        while (status == (int)HttpStatusCode.Continue);

        var content = isHead || status is 204 or 304 ? "" : await RawMessage.ReadContentAsync(reader, head, untilClose: true);
        if (status == (int)HttpStatusCode.OK && !isHead)
        {
            BreakingWorker.ExpectAnswer(id, content);
            Answered.Add(kind);
        }

        Count(status);
        return !head.Fields.TryGetValue("Connection", out var connection) || connection != "close";
    }

    private (string Head, string Content, string Id, (int Length, bool Chunked) Kind) Request()
    {
        var (method, id) = (Methods[_random.Next(Methods.Length)], NewId());
        var head = $"{method} {Target()} HTTP/1.1\r\nHost: mesh\r\nX-Id: {id}\r\n"
            + (_random.Next(5) == 0 ? Wishes[_random.Next(Wishes.Length)] : "");
        if (method is not ("PUT" or "POST"))
        {
            return (head + "\r\n", "", id, (0, false));
        }

        // What it expects it does not wait for, at least not for long.
        head += _random.Next(5) == 0 ? "Expect: 100-continue\r\n" : "";
        var content = new string('c', Lengths[_random.Next(Lengths.Length)]);
        head += string.Create(CultureInfo.InvariantCulture, $"X-Length: {content.Length}\r\n");
        if (_random.Next(2) == 0)
        {
            return (string.Create(CultureInfo.InvariantCulture, $"{head}Content-Length: {content.Length}\r\n\r\n"), content, id, (content.Length, false));
        }

        var chunks = content.Chunk(_random.Next(1, 50_000) + (content.Length / 20))
            .Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Length:x}\r\n{new string(c)}\r\n"));
        return ($"{head}Transfer-Encoding: chunked\r\n\r\n", string.Concat(chunks) + "0\r\n\r\n", id, (content.Length, true));
    }

    private string Get(string id) => $"GET {Target()} HTTP/1.1\r\nHost: mesh\r\nX-Id: {id}\r\n\r\n";

    private string Target() => $"/service/{services[_random.Next(services.Length)]}/x";

    private string NewId() => string.Create(CultureInfo.InvariantCulture, $"{seed}-{++_asked}");

    private async Task LeaveAsync(TcpClient connection, Task sending)
    {
        await (_random.Next(2) == 0 ? PauseAsync() : Task.WhenAny(sending, PauseAsync()));

        if (_random.Next(2) == 0)
        {
            connection.LingerState = new(enable: true, seconds: 0);
        }

        Count(1);
    }

    private Task PauseAsync() => Task.Delay(Pause * _random.NextDouble(), TimeProvider.System);

    private void Count(int end) => Ends[end] = Ends.GetValueOrDefault(end) + 1;

    private static async Task SendAsync(Stream stream, string text) =>
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
}
