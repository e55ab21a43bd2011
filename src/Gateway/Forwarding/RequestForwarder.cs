using System.Buffers;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Forwarding.Http1;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Gateway.Stats;
using WorkerMesh.Gateway.Verdicts;
using WorkerMesh.Grains.Time;
using Yarp.ReverseProxy.Forwarder;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Takes a request to a worker and the answer back.
/// 1. Choose a worker (<see cref="WorkerPicker"/>) and take a place at it; where all are at their limits, wait for one
///    (<see cref="RequestQueue"/>).
/// 2. Send the request to the URL it was reached at last, stream the answer back (<see cref="Http1Sender"/>,
///    or YARP's forwarder for other protocols).
/// 3. On a connect failure go on to its next URL; when all have failed, set the worker aside, let the other gateways
///    know (<see cref="VerdictReporter"/>), and choose another one.
/// 4. When it was sent and not answered, set the worker aside, and choose another one only if the request may be
///    repeated: an idempotent method (RFC 9110, section 9.2.2) without a body, of which nothing is kept to send again.
/// 5. When the worker answers that it is busy (503 with Retry-After), and there is no body and a place at another one,
///    drop the answer before any of it was sent, and go there; else the client gets that answer.
/// 6. When nothing is left to try, say so (<see cref="Refusal"/>).
/// Steps 4 and 5 spend from the route's <see cref="RetryBudget"/>; step 3 does not: a refused connection costs next to
/// nothing. Unless every worker is at its limit, no lock, no grain call, and nothing waits for the control plane.
/// </summary>
internal sealed class RequestForwarder(
    IHttpForwarder forwarder,
    WorkerClient client,
    Http1Sender direct,
    VerdictReporter verdicts,
    AnswerNotes notes,
    Refusal refusal,
    GatewayMetrics metrics,
    Admission admission,
    TimeProvider clock,
    IOptions<GatewayOptions> options)
{
    private readonly GatewayOptions options = options.Value;

    /// <summary>Null where it is switched off.</summary>
    private readonly Http1Sender? http1 = options.Value.OwnHttp1Client ? direct : null;

    /// <summary>Forwards a request, or says to the client why it could not be.</summary>
    public async Task Forward(HttpContext context, Route route, RequestWishes wishes, string target, SendPlan plan)
    {
        var startedAt = clock.Elapsed();
        route.Stats.Started();
        route.Retries.Earn();
        var tried = ArrayPool<WorkerLink?>.Shared.Rent(options.MaxConnectAttempts);
        var request = new ForwardedRequest(context, route, wishes, plan, tried);
        var hasRoom = true;
        if (!request.IsResendable)
        {
            hasRoom = !admission.Refuses(context);
            Unlimit(context);
        }

        var result = new ForwardResult(hasRoom ? ForwardOutcome.ClientGone : ForwardOutcome.NoRoom, 0);
        try
        {
            var failed = ForwardOutcome.NoWorker;
            for (var attemptedAt = startedAt; hasRoom; attemptedAt = clock.Elapsed())
            {
                // :: Step 1
                var choice = request.Next.Instance is not null ? request.Next : Choose(request, attemptedAt);
                if (choice.Full)
                {
                    var waited = await Wait(request, context.RequestAborted);
                    if (waited.End is WaitEnd.Abandoned or WaitEnd.Refused)
                    {
                        result = NotServed(request, waited);
                        break;
                    }

                    choice = waited.Choice;
                    attemptedAt = clock.Elapsed();
                }

                if (choice.Instance is not { } instance)
                {
                    // :: Step 6
                    request.Explanation?.Note(request, null, attemptedAt);
                    result = new(failed, request.Attempts);
                    break;
                }

                request.Try(instance);
                AttemptFault fault;
                try
                {
                    request.Explanation?.Note(request, instance, attemptedAt);
                    do
                    {
                        // :: Step 2
                        fault = await Send(context, request, instance.Link, request.Url, target, attemptedAt);
                    }
                    while (fault == AttemptFault.NothingSent && MayTryNextUrl(context, request));
                }
                finally
                {
                    instance.Link.Leave();
                }

                if (End(request, choice, fault, attemptedAt, ref failed) is { } end)
                {
                    result = new(end, request.Attempts);
                    break;
                }

                context.Response.Clear();
            }
        }
        finally
        {
            AnswerNotes.GiveBack(request.Next);
            Array.Clear(tried);
            ArrayPool<WorkerLink?>.Shared.Return(tried);
            route.Stats.Ended(result.Outcome, result.Attempts);
            metrics.OnForwarded(route, result.Outcome, result.Attempts, (clock.Elapsed() - startedAt).TotalSeconds);
        }

        if (result.Outcome is not (ForwardOutcome.Answered or ForwardOutcome.ClientGone or ForwardOutcome.Broken))
        {
            await refusal.Write(context, route, result);
        }

        if (!context.Response.HasStarted)
        {
            // The server sends it when this is over.
            await SocketTurn.End(SendTo.Client);
        }
    }

    /// <summary>
    /// Bodies are streamed and never held whole, so their size does not matter; and the pauses that a client may make are
    /// the plan's.
    /// </summary>
    private static void Unlimit(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    /// <summary>What an attempt ends a request with; null where another worker is to be tried.</summary>
    private ForwardOutcome? End(
        ForwardedRequest request, in Choice choice, AttemptFault fault, TimeSpan attemptedAt, ref ForwardOutcome failed)
    {
        switch (fault)
        {
            case AttemptFault.None:
                return ForwardOutcome.Answered;
            case AttemptFault.Client:
                return ForwardOutcome.ClientGone;
            case AttemptFault.AnswerBroken:
                return ForwardOutcome.Broken;
            case AttemptFault.NoRoom:
                return ForwardOutcome.NoRoom;
            case AttemptFault.Busy:
                // :: Step 5
                failed = ForwardOutcome.Busy;
                return null;
        }

        var now = clock.Elapsed();
        var link = request.Current.Link;
        if (fault == AttemptFault.NothingSent)
        {
            link.SetAside(now, choice.Trial);
            verdicts.Unreachable(request.Current, now);
            failed = failed == ForwardOutcome.NoWorker ? ForwardOutcome.Unreachable : failed;
            return null;
        }

        // :: Step 4
        link.SetAside(now, choice.Trial, mayHaveBeenSent: true, waited: now - attemptedAt);
        failed = fault == AttemptFault.TimedOut ? ForwardOutcome.TimedOut : ForwardOutcome.Unanswered;
        return !request.IsRepeatable || ++request.Sent >= options.MaxSendAttempts || !request.Route.Retries.TrySpend(now)
            ? failed
            : null;
    }

    private ForwardResult NotServed(ForwardedRequest request, in Waited waited)
    {
        if (waited.End == WaitEnd.Abandoned)
        {
            return new(ForwardOutcome.ClientGone, request.Attempts);
        }

        request.Explanation?.Note(request, null, clock.Elapsed());
        return new(ForwardOutcome.Refused, request.Attempts, waited.RetryAfter);
    }

    /// <summary>Who comes while others wait for a place waits behind them.</summary>
    private Choice Choose(ForwardedRequest request, TimeSpan now)
    {
        var queue = request.Route.Queue;
        return request.Attempts >= options.MaxConnectAttempts ? default
            : request.Attempts == 0 && !queue.IsEmpty ? new(null, Full: true)
            : WorkerPicker.Pick(
                new(request.Route.Snapshot!,
                    request.Tried.Span,
                    request.IsRepeatable,
                    request.Wishes.Affinity,
                    queue.IsOpen ? LastResort.UnlessFull : LastResort.Any),
                now);
    }

    private async Task<Waited> Wait(ForwardedRequest request, CancellationToken clientGone)
    {
        var begunAt = clock.Elapsed();
        var waited = await request.Route.Queue.Wait(
            request.Tried, request.IsRepeatable, request.Wishes.IsUrgent, clientGone);
        metrics.OnWaited(request.Route, waited.End, (clock.Elapsed() - begunAt).TotalSeconds);
        return waited;
    }

    private static bool MayTryNextUrl(HttpContext context, ForwardedRequest request)
    {
        // :: Step 3
        if (!request.TryNextUrl())
        {
            return false;
        }

        context.Response.Clear();
        return true;
    }

    private ValueTask<AttemptFault> Send(
        HttpContext context, ForwardedRequest request, WorkerLink link, string url, string target, TimeSpan attemptedAt)
    {
        if (http1?.Find(context, url, attemptedAt) is { } endpoint)
        {
            return http1.Send(context, request, link, endpoint, target, attemptedAt);
        }

        return SendByForwarder(context, request, link, url, target);
    }

    private async ValueTask<AttemptFault> SendByForwarder(
        HttpContext context, ForwardedRequest request, WorkerLink link, string url, string target)
    {
        var hasBody = !request.IsResendable;
        using var watch = request.Plan.Watched ? new ProgressWatch(request.Plan.Limits, hasBody, clock) : null;
        var transformer = new AttemptTransformer(request, link, url, target, notes, watch, clock);
        var body = context.Request.Body;
        // Over HTTP/2 without a watch the request's own stream does.
        if (hasBody && (watch is not null || !HttpProtocol.IsHttp2(context.Request.Protocol)))
        {
            context.Request.Body = new ClientContentStream(body, context, watch);
        }

        try
        {
            var fault = await Send(context, request.Plan, url, transformer, watch?.Expired ?? CancellationToken.None);
            if (fault == AttemptFault.TimedOut && watch is { ClientPaused: true })
            {
                context.Response.StatusCode = StatusCodes.Status408RequestTimeout;
                return AttemptFault.Client;
            }

            return fault;
        }
        finally
        {
            if (hasBody)
            {
                context.Request.Body = body;
            }
        }
    }

    private async ValueTask<AttemptFault> Send(
        HttpContext context, SendPlan plan, string url, AttemptTransformer transformer, CancellationToken expired)
    {
        var config = plan.ConfigFor(context.Request, url);
        var error = await forwarder.SendAsync(context, url, client.Invoker, config, transformer, expired);
        return transformer.GaveWay ? AttemptFault.Busy : AttemptFaults.Classify(
            error,
            context.GetForwarderErrorFeature()?.Exception,
            context.RequestAborted.IsCancellationRequested,
            context.Response.HasStarted);
    }
}

/// <summary>How a request ended.</summary>
/// <param name="Outcome">How.</param>
/// <param name="Attempts">How many workers it was tried at.</param>
/// <param name="RetryAfter">Where it was refused: when another try is likely to do better.</param>
internal readonly record struct ForwardResult(ForwardOutcome Outcome, int Attempts, TimeSpan RetryAfter = default);
