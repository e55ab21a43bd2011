using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Load.Mesh;

/// <summary>
/// One kept-alive HTTP/1.1 connection with one request at a time, and no more work than that takes: what measures should not
/// take the processors from what is measured, and a message on a stream, which etcd is measured by, takes its client little.
/// </summary>
internal sealed class HttpConnection : IDisposable
{
    private readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Uri server;
    private byte[] received = new byte[8192];

    private HttpConnection(Uri server) => this.server = server;

    private static ReadOnlySpan<byte> HeadEnd => "\r\n\r\n"u8;

    private static ReadOnlySpan<byte> LengthName => "\r\ncontent-length:"u8;

    public static async Task<HttpConnection> OpenAsync(Uri server)
    {
        var connection = new HttpConnection(server);
        await connection.socket.ConnectAsync(server.Host, server.Port);
        return connection;
    }

    public void Dispose() => socket.Dispose();

    /// <summary>Sends one request; returns the status and the body, which is valid until the next.</summary>
    public async Task<(int Status, ReadOnlyMemory<byte> Body)> SendAsync(string method, string path, byte[] body)
    {
        var head = $"{method} {path} HTTP/1.1\r\nHost: {server.Authority}\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n";
        var request = new byte[head.Length + body.Length];
        Encoding.ASCII.GetBytes(head, request);
        body.CopyTo(request, head.Length);
        for (var sent = 0; sent < request.Length;)
        {
            sent += await socket.SendAsync(request.AsMemory(sent));
        }

        for (var length = 0; ;)
        {
            if (length == received.Length)
            {
                Array.Resize(ref received, length * 2);
            }

            var read = await socket.ReceiveAsync(received.AsMemory(length));
            length += read;
            if (Answer(received.AsSpan(0, length)) is { } answer)
            {
                return (answer.Status, received.AsMemory(answer.Start, answer.Length));
            }

            if (read == 0)
            {
                throw new HttpRequestException($"{path}: the gateway closed the connection.");
            }
        }
    }

    /// <summary>
    /// Where the body is, once all of it is there; a chunked one is put together in place.
    /// </summary>
    private static (int Status, int Start, int Length)? Answer(Span<byte> bytes)
    {
        var end = bytes.IndexOf(HeadEnd);
        if (end < 0)
        {
            return null;
        }

        var status = Number(bytes[9..12], 'D', out _);
        var start = end + HeadEnd.Length;
        if (LengthIn(bytes[..end]) is { } length)
        {
            return bytes.Length >= start + length ? (status, start, length) : null;
        }

        return status == 204 ? (status, start, 0)
            : Unchunk(bytes[start..]) is { } whole ? (status, start, whole)
            : null;
    }

    private static int? LengthIn(ReadOnlySpan<byte> head)
    {
        for (var i = 0; i + LengthName.Length < head.Length; i++)
        {
            if (Ascii.EqualsIgnoreCase(head.Slice(i, LengthName.Length), LengthName))
            {
                return Number(head[(i + LengthName.Length)..].TrimStart((byte)' '), 'D', out _);
            }
        }

        return null;
    }

    /// <summary>The length of the body once its last chunk is there. Moves nothing before.</summary>
    private static int? Unchunk(Span<byte> chunks)
    {
        if (!chunks.EndsWith("\r\n0\r\n\r\n"u8))
        {
            return null;
        }

        var length = 0;
        for (var at = 0; ;)
        {
            var size = Number(chunks[at..], 'x', out var digits);
            if (size == 0)
            {
                return length;
            }

            chunks.Slice(at + digits + 2, size).CopyTo(chunks[length..]);
            length += size;
            at += digits + size + 4;
        }
    }

    private static int Number(ReadOnlySpan<byte> text, char format, out int digits) =>
        Utf8Parser.TryParse(text, out int number, out digits, format)
            ? number
            : throw new HttpRequestException("The answer is not HTTP/1.1.");
}
