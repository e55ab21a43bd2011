using System.Buffers;
using System.Runtime.CompilerServices;
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
/// 6. When nothing is left to try, say so.
/// Steps 4 and 5 spend from the route's <see cref="RetryBudget"/>; step 3 does not: a refused connection costs next to
/// nothing. Unless every worker is at its limit, no lock, no grain call, and nothing waits for the control plane.
/// </summary>
internal sealed class RequestForwarder(
    IHttpForwarder forwarder,
    WorkerClient client,
    Http1Sender direct,
    WorkerPicker picker,
    VerdictReporter verdicts,
    AnswerNotes notes,
    GatewayMetrics metrics,
    TimeProvider clock,
    IOptions<GatewayOptions> options)
{
    private readonly GatewayOptions options = options.Value;

    /// <summary>Null where it is switched off.</summary>
    private readonly Http1Sender? http1 = options.Value.OwnHttp1Client ? direct : null;

    /// <summary>Forwards a request; on failure writes nothing, and says how it failed.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ForwardResult> Forward(
        HttpContext context, Route route, RequestWishes wishes, string target, SendPlan plan)
    {
        var startedAt = clock.Elapsed();
        route.Stats.Started();
        route.Retries.Earn();
        var tried = ArrayPool<WorkerLink?>.Shared.Rent(options.MaxConnectAttempts);
        var request = new ForwardedRequest(context, route, wishes, plan, tried);
        if (!request.IsResendable && context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            // The pauses that a client may make are the plan's.
            rate.MinDataRate = null;
        }

        var result = new ForwardResult(ForwardOutcome.ClientGone, 0);
        try
        {
            result = await ForwardToAny(context, request, target);
            return result;
        }
        finally
        {
            AnswerNotes.GiveBack(request.Next);
            Array.Clear(tried);
            ArrayPool<WorkerLink?>.Shared.Return(tried);
            route.Stats.Ended(result.Outcome, result.Attempts);
            metrics.OnForwarded(route, result.Outcome, result.Attempts, (clock.Elapsed() - startedAt).TotalSeconds);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ForwardResult> ForwardToAny(HttpContext context, ForwardedRequest request, string target)
    {
        var failed = ForwardOutcome.NoWorker;
        var retries = request.Route.Retries;
        while (true)
        {
            // :: Step 1
            var choice = request.Next.Instance is not null ? request.Next : Choose(request);
            if (choice.Full)
            {
                var waited = await Wait(request, context.RequestAborted);
                switch (waited.End)
                {
                    case WaitEnd.Abandoned:
                        return new(ForwardOutcome.ClientGone, request.Attempts);
                    case WaitEnd.Refused:
                        request.Explanation?.Note(request, null, clock.Elapsed());
                        return new(ForwardOutcome.Refused, request.Attempts, waited.RetryAfter);
                    default:
                        choice = waited.Choice;
                        break;
                }
            }

            if (choice.Instance is not { } instance)
            {
                // :: Step 6
                request.Explanation?.Note(request, null, clock.Elapsed());
                return new(failed, request.Attempts);
            }

            request.Try(instance);
            var attemptedAt = clock.Elapsed();
            AttemptFault fault;
            try
            {
                request.Explanation?.Note(request, instance, attemptedAt);
                fault = await ForwardTo(context, request, instance, target);
            }
            finally
            {
                instance.Link.Leave();
            }

            var now = clock.Elapsed();
            switch (fault)
            {
                case AttemptFault.None:
                    return new(ForwardOutcome.Answered, request.Attempts);
                case AttemptFault.Client:
                    return new(ForwardOutcome.ClientGone, request.Attempts);
                case AttemptFault.AnswerBroken:
                    return new(ForwardOutcome.Broken, request.Attempts);
                case AttemptFault.Busy:
                    // :: Step 5
                    failed = ForwardOutcome.Busy;
                    break;
                case AttemptFault.NothingSent:
                    instance.Link.SetAside(now, choice.Trial);
                    verdicts.Unreachable(instance, now);
                    failed = failed == ForwardOutcome.NoWorker ? ForwardOutcome.Unreachable : failed;
                    break;
                default:
                    // :: Step 4
                    instance.Link.SetAside(now, choice.Trial, mayHaveBeenSent: true, waited: now - attemptedAt);
                    failed = fault == AttemptFault.TimedOut ? ForwardOutcome.TimedOut : ForwardOutcome.Unreachable;
                    if (!request.IsRepeatable || ++request.Sent >= options.MaxSendAttempts || !retries.TrySpend(now))
                    {
                        return new(failed, request.Attempts);
                    }

                    break;
            }

            context.Response.Clear();
        }
    }

    /// <summary>Who comes while others wait for a place waits behind them.</summary>
    private Choice Choose(ForwardedRequest request)
    {
        var queue = request.Route.Queue;
        return request.Attempts >= options.MaxConnectAttempts ? default
            : request.Attempts == 0 && !queue.IsEmpty ? new(null, Full: true)
            : picker.Pick(new(
                request.Route.Snapshot!,
                request.Tried.Span,
                request.IsRepeatable,
                request.Wishes.Affinity,
                queue.IsOpen ? LastResort.UnlessFull : LastResort.Any));
    }

    private async Task<Waited> Wait(ForwardedRequest request, CancellationToken clientGone)
    {
        var begunAt = clock.Elapsed();
        var waited = await request.Route.Queue.Wait(
            request.Tried, request.IsRepeatable, request.Wishes.IsUrgent, clientGone);
        metrics.OnWaited(request.Route, waited.End, (clock.Elapsed() - begunAt).TotalSeconds);
        return waited;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFault> ForwardTo(
        HttpContext context, ForwardedRequest request, Instance instance, string target)
    {
        var link = instance.Link;
        var urls = instance.Info.Registration.Urls;
        var candidate = link.Candidate % urls.Length;
        for (var left = urls.Length; ;)
        {
            // :: Step 2
            var fault = await Send(context, request, link, urls[candidate], target);
            if (fault != AttemptFault.NothingSent)
            {
                return fault;
            }

            // :: Step 3
            link.PassOver(candidate, urls.Length);
            if (--left == 0)
            {
                return fault;
            }

            context.Response.Clear();
            candidate = (candidate + 1) % urls.Length;
        }
    }

    private ValueTask<AttemptFault> Send(
        HttpContext context, ForwardedRequest request, WorkerLink link, string url, string target)
    {
        if (http1?.Find(context, url) is { } endpoint)
        {
            return http1.Send(context, request, link, endpoint, target);
        }

        var transformer = new AttemptTransformer(request, link, url, target, notes, clock);
        return request.Plan.Watched
            ? SendWatched(context, request, url, transformer)
            : Send(context, request.Plan, url, transformer, CancellationToken.None);
    }

    private async ValueTask<AttemptFault> SendWatched(
        HttpContext context, ForwardedRequest request, string url, AttemptTransformer transformer)
    {
        var hasBody = !request.IsResendable;
        using var watch = new ProgressWatch(request.Plan.Limits, hasBody, clock);
        transformer.Watch = watch;
        var body = context.Request.Body;
        if (hasBody)
        {
            context.Request.Body = new WatchedBody(body, watch);
        }

        try
        {
            var fault = await Send(context, request.Plan, url, transformer, watch.Expired);
            if (fault == AttemptFault.TimedOut && watch.ClientPaused)
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
