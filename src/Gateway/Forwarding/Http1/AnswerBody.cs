using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>How passing an answer's content on ended.</summary>
internal enum AnswerEnd
{
    /// <summary>All of it was written, and what is last of it may not be sent yet.</summary>
    Whole,

    /// <summary>The worker closed too early, or sent what is no content.</summary>
    Broken,

    /// <summary>The client reads no more.</summary>
    ClientGone,
}

/// <summary>
/// Passes the content of an answer on. What was received is sent on before anything is waited for: no byte is held back,
/// and the headers neither where it may take a while until there are some. A client that reads slowly slows the worker.
/// </summary>
internal static class AnswerBody
{
    /// <summary>So much is written at most before the client has to have taken it.</summary>
    private const int MostUnsent = 64 * 1024;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<AnswerEnd> OfLength(
        PipeWriter client, WorkerConnection connection, long length, TimeLimits limits)
    {
        var left = length;
        var written = WriteReceived(client, connection, ref left);
        var isBegun = false;
        while (left > 0)
        {
            // The headers of an answer of a known length wait for its first bytes, and the last bytes go with its end.
            if (written > 0 && await IsGone(client, connection, limits))
            {
                return AnswerEnd.ClientGone;
            }

            if (written > 0 && left >= MostUnsent)
            {
                return await Past(client, connection, left, limits);
            }

            isBegun |= written > 0;
            connection.OnReceived(await connection.Receive());
            written = WriteReceived(client, connection, ref left);
            if (written == 0)
            {
                return AnswerEnd.Broken;
            }

            connection.Expect(limits.BetweenBytes);
        }

        // The end of an answer sends what is written only where it has the headers to send.
        return isBegun && await IsGone(client, connection, limits) ? AnswerEnd.ClientGone : AnswerEnd.Whole;
    }

    /// <summary>The rest of a long answer goes past the buffer, which is empty: that saves a copy.</summary>
    private static async ValueTask<AnswerEnd> Past(
        PipeWriter client, WorkerConnection connection, long left, TimeLimits limits)
    {
        while (left > 0)
        {
            var received = await connection.Receive(client.GetMemory(MostUnsent)[..(int)Math.Min(left, MostUnsent)]);
            if (received == 0)
            {
                return AnswerEnd.Broken;
            }

            client.Advance(received);
            left -= received;
            connection.Expect(limits.BetweenBytes);
            if (await IsGone(client, connection, limits))
            {
                return AnswerEnd.ClientGone;
            }
        }

        return AnswerEnd.Whole;
    }

    public static async ValueTask<AnswerEnd> UntilClose(PipeWriter client, WorkerConnection connection, TimeLimits limits)
    {
        connection.ReceiveMore();
        while (true)
        {
            var left = long.MaxValue;
            var unsent = WriteReceived(client, connection, ref left);
            if (await ReceiveOrSend(client, connection, limits, unsent) is { } end)
            {
                return end == AnswerEnd.Broken ? AnswerEnd.Whole : end;
            }
        }
    }

    public static async ValueTask<AnswerEnd> Chunked(
        HttpContext context, PipeWriter client, WorkerConnection connection, TimeLimits limits)
    {
        var chunks = default(ChunkedContent);
        var unsent = 0;
        while (true)
        {
            switch (WriteChunks(client, connection, ref chunks, ref unsent))
            {
                case Parsed.Malformed:
                    return AnswerEnd.Broken;
                case Parsed.Whole when ReadTrailers(context, connection) is var trailers && trailers != Parsed.Part:
                    return trailers == Parsed.Whole ? AnswerEnd.Whole : AnswerEnd.Broken;
                default:
                    break;
            }

            connection.ReceiveMore();
            if (await ReceiveOrSend(client, connection, limits, unsent) is { } end)
            {
                return end;
            }

            unsent = 0;
        }
    }

    /// <summary>
    /// Receives more; where that is not there at once, or much is unsent, sends on first what was written. Null: go on.
    /// </summary>
    private static async ValueTask<AnswerEnd?> ReceiveOrSend(
        PipeWriter client, WorkerConnection connection, TimeLimits limits, int unsent)
    {
        var receive = connection.Receive();
        if ((!receive.IsCompleted || unsent >= MostUnsent) && await IsGone(client, connection, limits))
        {
            return AnswerEnd.ClientGone;
        }

        var received = await receive;
        connection.OnReceived(received);
        connection.Expect(limits.BetweenBytes);
        return received == 0 ? AnswerEnd.Broken : null;
    }

    private static ValueTask<bool> IsGone(PipeWriter client, WorkerConnection connection, TimeLimits limits)
    {
        var flush = client.FlushAsync(connection.GivenUp);
        return flush.IsCompletedSuccessfully ? new(flush.Result.IsCompleted) : Wait(flush, connection, limits);

        static async ValueTask<bool> Wait(ValueTask<FlushResult> flush, WorkerConnection connection, TimeLimits limits)
        {
            var isGone = (await flush).IsCompleted;
            connection.Expect(limits.BetweenBytes);
            return isGone;
        }
    }

    private static int WriteReceived(PipeWriter client, WorkerConnection connection, ref long left)
    {
        var count = (int)Math.Min(left, connection.Received.Length);
        if (count > 0)
        {
            client.Write(connection.Received[..count]);
            connection.HasPassedOn = true;
            connection.Consume(count);
            left -= count;
        }

        return count;
    }

    private static Parsed WriteChunks(
        PipeWriter client, WorkerConnection connection, ref ChunkedContent chunks, ref int unsent)
    {
        while (true)
        {
            var parsed = chunks.Next(connection.Received, out var framing, out var content);
            if (content > 0)
            {
                client.Write(connection.Received.Slice(framing, content));
                connection.HasPassedOn = true;
                unsent += content;
            }

            connection.Consume(framing + content);
            if (parsed != Parsed.Part || connection.Received.IsEmpty)
            {
                return parsed;
            }
        }
    }

    private static Parsed ReadTrailers(HttpContext context, WorkerConnection connection)
    {
        var scanned = 0;
        var received = connection.Received;
        var end = FieldParser.FindEnd(received, ref scanned);
        if (end == 0)
        {
            return received.Length >= AnswerHead.MostBytes ? Parsed.Malformed : Parsed.Part;
        }

        var trailers = connection.Head;
        trailers.Clear();
        if (end > AnswerHead.MostBytes || !FieldParser.TryRead(received[..end], 0, trailers))
        {
            return Parsed.Malformed;
        }

        AnswerHeaders.CopyTrailers(context, trailers, received[..end]);
        connection.Consume(end);
        return Parsed.Whole;
    }
}
