using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>How sending a request's content ended.</summary>
internal enum SendEnd
{
    Sent,

    /// <summary>The worker takes no more, or the connection was given up.</summary>
    WorkerGone,

    /// <summary>The client broke off, paused for too long, or sent what is no content.</summary>
    ClientFault,
}

/// <summary>How it ended, and for a fault of the client's the status that tells it so.</summary>
internal readonly record struct SendResult(SendEnd End, int Status = 0);

/// <summary>Sends the content of a request to a worker, piece by piece: what is not sent yet stays with the client.</summary>
internal static class RequestContent
{
    private const int MostPieceBytes = 64 * 1024;
    private const int LargePieceBytes = 8 * 1024;

    /// <summary>The size line of a piece in eight digits, so that its room is known beforehand.</summary>
    private const int SizeLineBytes = 10;

    /// <summary>
    /// Takes the whole of it, where that has come with the head: one piece for the network. Short content is put behind
    /// the head, longer content is sent from where it was received. It is not consumed before it is sent, so that another
    /// connection can be tried.
    /// </summary>
    /// <param name="input">The client's content.</param>
    /// <param name="length">What Content-Length says.</param>
    /// <param name="output">Where the head was written.</param>
    /// <param name="content">All of it; to be advanced past in the input where this returns true.</param>
    /// <param name="behind">What is to be sent behind the output; may be empty.</param>
    public static bool TryTakeWhole(
        PipeReader input,
        long? length,
        Outgoing output,
        out ReadOnlySequence<byte> content,
        out ReadOnlyMemory<byte> behind)
    {
        (content, behind) = (default, default);
        if (length is not { } known || known > MostPieceBytes || !input.TryRead(out var read))
        {
            return false;
        }

        content = read.Buffer;
        if (read.IsCanceled || content.Length < known)
        {
            input.AdvanceTo(content.Start);
            return false;
        }

        if (known >= LargePieceBytes && content.IsSingleSegment)
        {
            behind = content.First;
        }
        else
        {
            content.CopyTo(output.Room((int)known));
            output.Advance((int)known);
        }

        return true;
    }

    /// <summary>Sends all of it. The limit between bytes holds for each piece; the last sets the one for the answer.</summary>
    public static async Task<SendResult> Send(PipeReader input, bool isChunked, Exchange exchange)
    {
        var connection = exchange.Connection;
        var output = connection.Output;
        try
        {
            for (var isLast = false; !isLast;)
            {
                var read = await Read(input, connection);
                // A large piece that needs no framing is sent from where it was received.
                var asItIs = !isChunked && read.Buffer.FirstSpan.Length >= LargePieceBytes;
                var length = asItIs ? read.Buffer.FirstSpan.Length : Math.Min(read.Buffer.Length, MostPieceBytes);
                var piece = read.Buffer.Slice(0, length);
                isLast = read.IsCompleted && piece.Length == read.Buffer.Length;
                output.Clear();
                if (!asItIs)
                {
                    Write(output, piece, isChunked, isLast);
                }

                connection.Expect(exchange.Limits.BetweenBytes);
                try
                {
                    await connection.Send(asItIs ? piece.First : output.Written);
                }
                finally
                {
                    input.AdvanceTo(piece.End);
                }

                connection.Expect(isLast && !exchange.HasHead ? exchange.Limits.FirstByte : exchange.Limits.BetweenBytes);
            }

            return new(SendEnd.Sent);
        }
        catch (Exception e) when (ConnectionFault.Is(e))
        {
            // It may have answered all the same.
            return new(SendEnd.WorkerGone);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            if (ClientContent.IsBroken(e))
            {
                ClientContent.GiveUp(exchange.Context);
            }

            if (connection.IsClosed && !connection.ClientPaused)
            {
                return new(SendEnd.WorkerGone);
            }

            // Who waits for the answer need not any more.
            connection.Abort();
            return new(SendEnd.ClientFault, e is BadHttpRequestException bad ? bad.StatusCode
                : connection.ClientPaused ? StatusCodes.Status408RequestTimeout
                : StatusCodes.Status400BadRequest);
        }
    }

    private static async ValueTask<ReadResult> Read(PipeReader input, WorkerConnection connection)
    {
        connection.OnReadingClient(begins: true);
        try
        {
            return await ClientContent.Read(input, connection.GivenUp);
        }
        finally
        {
            connection.OnReadingClient(begins: false);
        }
    }

    private static void Write(Outgoing output, in ReadOnlySequence<byte> piece, bool isChunked, bool isLast)
    {
        var length = (int)piece.Length;
        if (isChunked && length > 0)
        {
            length.TryFormat(output.Room(SizeLineBytes), out _, "x8", CultureInfo.InvariantCulture);
            output.Advance(SizeLineBytes - 2);
            output.Write("\r\n"u8);
        }

        piece.CopyTo(output.Room(length));
        output.Advance(length);
        if (isChunked)
        {
            output.Write(length > 0 ? "\r\n"u8 : default);
            output.Write(isLast ? "0\r\n\r\n"u8 : default);
        }
    }
}
