using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>One request and its answer on one connection; <see cref="Http1Sender"/> numbers the steps.</summary>
internal sealed class Exchange(
    HttpContext context,
    ForwardedRequest request,
    WorkerLink link,
    WorkerEndpoint endpoint,
    WorkerConnection connection,
    AnswerNotes notes,
    TimeSpan startedAt)
{
    /// <summary>A worker that goes on saying that it is not done yet is not heard to the end.</summary>
    private const int MostInterim = 32;

    private readonly TimeLimits limits = request.Plan.Limits;
    private Task<SendResult>? sending;

    /// <summary>Why it failed.</summary>
    public AttemptFault Fault { get; private set; }

    public WorkerConnection Connection => connection;

    public TimeLimits Limits => limits;

    /// <summary>Whether the head of the answer is there.</summary>
    public bool HasHead { get; private set; }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Outcome> Run(string target)
    {
        var heard = false;
        try
        {
            // :: Step 2
            if (!await SendHead(target))
            {
                return connection.IsClosed ? await Fail() : Stale();
            }

            // :: Step 3
            var isToHead = HttpMethods.IsHead(context.Request.Method);
            var head = connection.Head;
            var (scanned, interim) = (0, 0);
            while (true)
            {
                var parsed = AnswerHeadParser.Parse(connection.Received, ref scanned, isToHead, head);
                if (parsed == Parsed.Whole)
                {
                    if (!head.IsInterim)
                    {
                        break;
                    }

                    connection.Consume(head.Bytes);
                    scanned = 0;
                    parsed = ++interim > MostInterim ? Parsed.Malformed : Parsed.Part;
                    if (parsed == Parsed.Part && !connection.Received.IsEmpty)
                    {
                        continue;
                    }
                }

                if (parsed == Parsed.Malformed)
                {
                    return await Fail();
                }

                var received = await connection.Receive();
                if (received == 0)
                {
                    return heard || !request.IsRepeatable ? await Fail() : Stale();
                }

                heard = true;
                connection.OnReceived(received);
            }

            HasHead = true;
            connection.Expect(limits.BetweenBytes);
            return await PassOn(head);
        }
        catch (Exception e) when (ConnectionFault.Is(e) || e is OperationCanceledException or IOException)
        {
            // Reset where it should have been closed.
            return e is SocketException && !heard && request.IsRepeatable && !connection.IsClosed ? Stale() : await Fail();
        }
    }

    /// <returns>Whether it was sent; where not, nothing was.</returns>
    private async ValueTask<bool> SendHead(string target)
    {
        var hasBody = !request.IsResendable;
        var length = context.Request.ContentLength;
        var output = connection.Output;
        output.Clear();
        RequestHead.Write(output, context, endpoint, target, request.Route.ServiceType.Value, hasBody);
        var content = ReadOnlySequence<byte>.Empty;
        var isWhole = hasBody && RequestContent.TryWriteWhole(context.Request.BodyReader, length, output, out content);
        connection.Expect(hasBody && !isWhole ? limits.BetweenBytes : limits.FirstByte);
        try
        {
            await connection.Send(output.Written);
        }
        catch (Exception e) when (ConnectionFault.Is(e))
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

    private async ValueTask<Outcome> PassOn(AnswerHead head)
    {
        // :: Step 4
        var section = connection.Received[..head.Bytes];
        var retryAfter = head.Status == StatusCodes.Status503ServiceUnavailable ? AnswerHeaders.RetryAfter(head, section) : null;
        if (!notes.OnAnswer(context, request, link, startedAt, BusyAnswer.RetryAfter(retryAfter, notes.Now)))
        {
            Fault = AttemptFault.Busy;
            return DropContent(head);
        }

        AnswerNotes.LeaveAsItIs(context, head.Status);
        AnswerHeaders.Copy(context, head, section, connection.Values);
        context.Response.Headers["X-Mesh-Worker"] = link.Id.Value;
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
            Fault = AttemptFault.Client;
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
            await context.Response.CompleteAsync();
            if (!keepsAlive)
            {
                // It says that it does not (RFC 9112, section 9.6).
                connection.Abort();
            }
        }

        var sent = await sending;
        Fault = sent.End == SendEnd.ClientFault ? AttemptFault.Client : AttemptFault.None;
        return keepsAlive && sent.End == SendEnd.Sent ? Outcome.Reusable : Outcome.Failed;
    }

    private Outcome Stale()
    {
        Fault = AttemptFault.NoAnswer;
        return sending is null ? Outcome.Stale : Outcome.Failed;
    }

    /// <summary>Gives it up, and finds out why it failed.</summary>
    private async ValueTask<Outcome> Fail()
    {
        connection.Abort();
        var sent = sending is null ? default : await sending;
        if (context.Response.HasStarted)
        {
            // The client must not take it for whole.
            Cut();
            Fault = Fault == AttemptFault.None ? AttemptFault.AnswerBroken : Fault;
        }
        else if (sent.End == SendEnd.ClientFault)
        {
            context.Response.StatusCode = sent.Status;
            Fault = AttemptFault.Client;
        }
        else if (Fault == AttemptFault.None)
        {
            Fault = connection.TimedOut ? AttemptFault.TimedOut : AttemptFault.NoAnswer;
        }

        return Outcome.Failed;
    }

    private void Cut()
    {
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
