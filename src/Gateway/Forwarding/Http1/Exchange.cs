using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using WorkerMesh.Gateway.Hosting;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// A request and its answer on a connection, one after another; <see cref="Http1Sender"/> numbers the steps.
/// </summary>
internal sealed class Exchange(WorkerConnection connection)
{
    /// <summary>A worker that goes on saying that it is not done yet is not heard to the end.</summary>
    private const int MostInterim = 32;

    private Attempt attempt;
    private Http1Sender sender = null!;
    private Task<SendResult>? sending;
    private AttemptFault fault;
    private int interim;
    private int scanned;

    public WorkerConnection Connection => connection;

    public HttpContext Context => attempt.Context;

    public TimeLimits Limits => attempt.Request.Plan.Limits;

    /// <summary>Whether the head of the answer is there.</summary>
    public bool HasHead { get; private set; }

    /// <summary>Makes an attempt; afterwards the connection rests, or is closed.</summary>
    /// <param name="next">What is to be sent.</param>
    /// <param name="by">Sends it again where the worker has closed the connection in the same moment.</param>
    /// <param name="rested">Whether there was an exchange before on this connection.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<AttemptFault> Run(Attempt next, Http1Sender by, bool rested)
    {
        (attempt, sender, sending, fault, HasHead, interim, scanned) = (next, by, null, AttemptFault.None, false, 0, 0);
        connection.HasPassedOn = false;
        var (end, found, heard) = (Outcome.Failed, AttemptFault.None, false);
        var leaving = next.ClientGone.UnsafeRegister(static c => ((WorkerConnection)c!).Abort(), connection);
        try
        {
            // :: Step 2
            var isSent = await SendHead(rested);

            // :: Step 3
            var head = isSent ? ReadHead() : Parsed.Malformed;
            while (head == Parsed.Part && await connection.Receive() is var received and > 0)
            {
                heard = true;
                connection.OnReceived(received);
                head = ReadHead();
            }

            end = head == Parsed.Whole ? await PassOn()
                : !isSent ? connection.IsClosed ? await Fail() : Stale()
                : head == Parsed.Malformed || heard || !next.Request.IsRepeatable ? await Fail()
                : Stale();
        }
        catch (Exception e) when (ConnectionFault.Is(e) || e is OperationCanceledException or IOException)
        {
            // Reset where it should have been closed.
            end = e is SocketException && !heard && next.Request.IsRepeatable && !connection.IsClosed ? Stale() : await Fail();
        }
        finally
        {
            leaving.Dispose();
            // Nothing here is this exchange's any more once the connection rests.
            found = fault;
            Release(end, next.Endpoint);
        }

        return end == Outcome.Stale && rested ? await by.SendOnNew(next)
            : found != AttemptFault.None && next.ClientGone.IsCancellationRequested ? AttemptFault.Client
            : found;
    }

    private void Release(Outcome end, WorkerEndpoint endpoint)
    {
        attempt = default;
        if (end == Outcome.Reusable)
        {
            endpoint.Pool.Return(connection);
        }
        else
        {
            connection.Dispose();
        }
    }

    /// <summary>Takes what was received apart; interim answers are read over.</summary>
    private Parsed ReadHead()
    {
        var head = connection.Head;
        while (true)
        {
            var parsed = AnswerHeadParser.Parse(
                connection.Received, ref scanned, HttpMethods.IsHead(attempt.Context.Request.Method), head);
            if (parsed != Parsed.Whole || !head.IsInterim)
            {
                return parsed;
            }

            connection.Consume(head.Bytes);
            scanned = 0;
            if (++interim > MostInterim)
            {
                return Parsed.Malformed;
            }

            if (connection.Received.IsEmpty)
            {
                return Parsed.Part;
            }
        }
    }

    /// <returns>Whether it was sent; where not, nothing was.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> SendHead(bool rested)
    {
        var (context, request) = (attempt.Context, attempt.Request);
        var hasBody = !request.IsResendable;
        var length = context.Request.ContentLength;
        var output = connection.Output;
        output.Clear();
        RequestHead.Write(output, context, attempt.Endpoint, attempt.Target, request.Route.ServiceType.Value, hasBody);
        var (content, behind) = (ReadOnlySequence<byte>.Empty, ReadOnlyMemory<byte>.Empty);
        var isWhole = hasBody
            && RequestContent.TryTakeWhole(context.Request.BodyReader, length, output, out content, out behind);
        connection.Expect(hasBody && !isWhole ? Limits.BetweenBytes : Limits.FirstByte);
        var isSent = false;
        try
        {
            if (rested)
            {
                await SocketTurn.End(SendTo.Worker);
            }

            if (!rested || request.IsRepeatable || connection.IsSilentNow)
            {
                await (behind.IsEmpty ? connection.Send(output.Written) : connection.Send(output.Written, behind));
                isSent = true;
            }
        }
        catch (Exception e) when (ConnectionFault.Is(e))
        {
        }

        if (!isSent)
        {
            if (isWhole)
            {
                // Nothing of it is taken.
                context.Request.BodyReader.AdvanceTo(content.Start);
            }

            return false;
        }

        if (isWhole)
        {
            context.Request.BodyReader.AdvanceTo(content.End);
        }
        else if (hasBody)
        {
            sending = RequestContent.Send(context.Request.BodyReader, isChunked: length is null, this);
        }

        return true;
    }

    private async ValueTask<Outcome> PassOn()
    {
        var (context, head, limits) = (attempt.Context, connection.Head, Limits);
        HasHead = true;
        connection.Expect(limits.BetweenBytes);

        // :: Step 4
        var section = connection.Received[..head.Bytes];
        var retryAfter = head.Status == StatusCodes.Status503ServiceUnavailable ? AnswerHeaders.RetryAfter(head, section) : null;
        if (!sender.OnAnswer(attempt, retryAfter))
        {
            fault = AttemptFault.Busy;
            return DropContent(head);
        }

        AnswerNotes.LeaveAsItIs(context, head.Status);
        AnswerHeaders.Copy(context, head, section, connection.Values);
        context.Response.Headers["X-Mesh-Worker"] = attempt.Link.Id.Value;
        connection.Consume(head.Bytes);

        // :: Step 5
        var keepsAlive = head.KeepsAlive;
        var client = context.Response.BodyWriter;
        var end = head.Framing switch
        {
            Framing.None => AnswerEnd.Whole,
            Framing.Length => await AnswerBody.OfLength(client, connection, head.Length!.Value, limits),
            Framing.Chunked => await AnswerBody.Chunked(context, client, connection, limits),
            _ => await AnswerBody.UntilClose(client, connection, limits),
        };
        if (end == AnswerEnd.ClientGone)
        {
            fault = AttemptFault.Client;
            return await Fail();
        }

        // :: Step 6
        return end == AnswerEnd.Broken ? await Fail()
            : sending is not null ? await FinishSending(keepsAlive)
            : keepsAlive ? Outcome.Reusable
            : Outcome.Failed;
    }

    /// <summary>The content of an answer that nobody gets: the connection is kept only where it is there already.</summary>
    private Outcome DropContent(AnswerHead head)
    {
        var length = head.Framing == Framing.None ? 0 : head.Length ?? long.MaxValue;
        if (!head.KeepsAlive || connection.Received.Length - head.Bytes < length)
        {
            return Outcome.Failed;
        }

        connection.Consume(head.Bytes + (int)length);
        return Outcome.Reusable;
    }

    /// <summary>The answer is complete, and the request perhaps not.</summary>
    private async ValueTask<Outcome> FinishSending(bool keepsAlive)
    {
        if (!sending!.IsCompleted)
        {
            // The client is to have it all; the worker may still want the rest.
            await attempt.Context.Response.CompleteAsync();
            if (!keepsAlive)
            {
                // It says that it does not (RFC 9112, section 9.6).
                connection.Abort();
            }
        }

        var sent = await sending;
        fault = sent.End == SendEnd.ClientFault ? AttemptFault.Client : AttemptFault.None;
        return keepsAlive && sent.End == SendEnd.Sent ? Outcome.Reusable : Outcome.Failed;
    }

    private Outcome Stale()
    {
        fault = AttemptFault.NoAnswer;
        return sending is null ? Outcome.Stale : Outcome.Failed;
    }

    /// <summary>Gives it up, and finds out why it failed.</summary>
    private async ValueTask<Outcome> Fail()
    {
        connection.Abort();
        var context = attempt.Context;
        var sent = sending is null ? default : await sending;
        if (connection.HasPassedOn && !context.Response.HasStarted)
        {
            // It can't be taken back, and would come before whatever else the client is answered: it is sent now.
            await context.Response.BodyWriter.FlushAsync(CancellationToken.None);
            // Where not even that begins an answer there is nobody to begin it for.
            fault = context.Response.HasStarted ? fault : AttemptFault.Client;
        }

        if (context.Response.HasStarted)
        {
            // The client must not take it for whole.
            Cut();
            fault = fault == AttemptFault.None ? AttemptFault.AnswerBroken : fault;
        }
        else if (sent.End == SendEnd.ClientFault)
        {
            context.Response.StatusCode = sent.Status;
            fault = AttemptFault.Client;
        }
        else if (fault == AttemptFault.None)
        {
            fault = connection.TimedOut ? AttemptFault.TimedOut : AttemptFault.NoAnswer;
        }

        return Outcome.Failed;
    }

    private void Cut()
    {
        var context = attempt.Context;
        // RFC 9113, section 7.
        const int internalError = 2;
        if (context.Features.Get<IHttpResetFeature>() is { } reset)
        {
            reset.Reset(internalError);
        }
        else
        {
            context.Abort();
        }
    }
}
