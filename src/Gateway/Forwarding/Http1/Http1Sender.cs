using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// Sends a request to a worker in HTTP/1.1 over plain TCP and streams the answer back: what YARP's forwarder and the
/// runtime's HttpClient do together, for this case alone and at a part of their cost.
/// 1. Take a connection that rests, or make one.
/// 2. Send the head, with the content where that is short and there; what is longer is sent beside the next steps. Before
///    what must not be sent twice the kernel is asked whether the worker has closed the connection.
/// 3. Read the answer's head; interim answers are read over. A connection that rested and ends here without a byte was
///    closed by the worker in the same moment: what may be repeated is sent again, once, on a new one.
/// 4. Note the answer, or give way to another worker; else pass status and headers on.
/// 5. Pass the content on as it comes, and the trailers.
/// 6. Wait for what is still being sent, and let the connection rest where nothing is left on it.
/// <see cref="Exchange"/> takes steps 2 to 6.
/// </summary>
internal sealed class Http1Sender(WorkerConnections connections, AnswerNotes notes, TimeProvider clock)
{
    /// <summary>Where a request leads, if it is one for this; null where YARP sends it.</summary>
    public WorkerEndpoint? Find(HttpContext context, string url, TimeSpan now)
    {
        var request = context.Request;
        return request.Headers.Upgrade.Count > 0
            // The client waits to be asked for the content until the worker is ready for it.
            || request.Headers.Expect.Count > 0
            || HttpMethods.IsConnect(request.Method)
            || (HttpProtocol.IsHttp2(request.Protocol) && SendPlan.IsGrpc(request.ContentType))
                ? null
                : connections.Find(url, now);
    }

    /// <summary>Sends it. Where it fails before the answer began nothing was written to the client.</summary>
    public ValueTask<AttemptFault> Send(
        HttpContext context, ForwardedRequest request, WorkerLink link, WorkerEndpoint endpoint, string target, TimeSpan startedAt)
    {
        // :: Step 1
        var attempt = new Attempt(context, request, link, endpoint, target, startedAt, ClientGone(context));
        return endpoint.Pool.TryRent(startedAt, out var connection)
            ? connection.Exchange.Run(attempt, this, rested: true)
            : SendOnNew(attempt);
    }

    /// <summary>As <see cref="Send"/>, on a connection that is made for it.</summary>
    public async ValueTask<AttemptFault> SendOnNew(Attempt attempt)
    {
        WorkerConnection connection;
        try
        {
            connection = await connections.Connect(attempt.Endpoint, attempt.Request.Plan.Limits.Connect, attempt.ClientGone);
        }
        catch (SocketException e)
        {
            return OpenFiles.AreUsedUp(e.SocketErrorCode) ? AttemptFault.NoRoom : AttemptFault.NothingSent;
        }
        catch (OperationCanceledException)
        {
            return AttemptFault.Client;
        }

        return await connection.Exchange.Run(attempt, this, rested: false);
    }

    /// <summary>The head of an answer is there; false where another worker is to be asked instead.</summary>
    public bool OnAnswer(in Attempt attempt, string? retryAfter) => notes.OnAnswer(
        attempt.Context, attempt.Request, attempt.Link, attempt.StartedAt, BusyAnswer.RetryAfter(retryAfter, clock));

    /// <summary>
    /// Cancelled when the client leaves. Over HTTP/1.1 that is when its connection closes, whose token is there already;
    /// that of the request would be made anew for each.
    /// </summary>
    private static CancellationToken ClientGone(HttpContext context) =>
        !HttpProtocol.IsHttp2(context.Request.Protocol) && context.Features.Get<IConnectionLifetimeFeature>() is { } lifetime
            ? lifetime.ConnectionClosed
            : context.RequestAborted;
}
