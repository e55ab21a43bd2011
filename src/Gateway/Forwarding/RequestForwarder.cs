using System.Buffers;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Gateway.Stats;
using WorkerMesh.Grains.Time;
using Yarp.ReverseProxy.Forwarder;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Takes a request to a worker and the answer back.
/// 1. Choose a worker (<see cref="WorkerPicker"/>) and take a place at it.
/// 2. Send the request to the URL it was reached at last, stream the answer back (YARP's forwarder).
/// 3. On a connect failure go on to its next URL; when all have failed, set the worker aside and choose another one.
/// 4. When it was sent and not answered, set the worker aside, and choose another one only if the request may be
///    repeated: an idempotent method (RFC 9110, section 9.2.2) without a body, of which nothing is kept to send again.
/// 5. When nothing is left to try, say so.
/// No lock, no grain call, and nothing waits for the control plane.
/// </summary>
internal sealed class RequestForwarder(
    IHttpForwarder forwarder,
    WorkerClient client,
    WorkerPicker picker,
    GatewayMetrics metrics,
    TimeProvider clock,
    IOptions<GatewayOptions> options)
{
    private readonly GatewayOptions options = options.Value;

    /// <summary>Forwards a request; on failure writes nothing, and says how it failed.</summary>
    public async Task<ForwardResult> Forward(
        HttpContext context, Route route, RouteSnapshot snapshot, string target, SendPlan plan)
    {
        var startedAt = clock.Elapsed();
        if (HasBody(context) && context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            // The pauses that a client may make are the plan's.
            rate.MinDataRate = null;
        }

        route.Stats.Started();
        var tried = ArrayPool<WorkerLink?>.Shared.Rent(options.MaxConnectAttempts);
        var result = new ForwardResult(ForwardOutcome.ClientGone, 0);
        try
        {
            result = await ForwardToAny(context, route, snapshot, target, plan, tried);
            return result;
        }
        finally
        {
            Array.Clear(tried);
            ArrayPool<WorkerLink?>.Shared.Return(tried);
            route.Stats.Ended(result.Outcome, result.Attempts);
            metrics.OnForwarded(route, result.Outcome, result.Attempts, (clock.Elapsed() - startedAt).TotalSeconds);
        }
    }

    private async Task<ForwardResult> ForwardToAny(
        HttpContext context, Route route, RouteSnapshot snapshot, string target, SendPlan plan, WorkerLink?[] tried)
    {
        var failed = ForwardOutcome.NoWorker;
        var sent = 0;
        var repeatable = MayRepeat(context.Request);
        for (var attempts = 0; ;)
        {
            // :: Step 1
            var trial = false;
            var instance = attempts < options.MaxConnectAttempts
                ? picker.Pick(snapshot, tried.AsSpan(0, attempts), repeatable, out trial)
                : null;
            if (instance is null)
            {
                // :: Step 5
                return new(failed, attempts);
            }

            tried[attempts++] = instance.Link;
            var attemptedAt = clock.Elapsed();
            AttemptFault fault;
            try
            {
                fault = await ForwardTo(context, route, instance, target, plan);
            }
            finally
            {
                instance.Link.Leave();
            }

            switch (fault)
            {
                case AttemptFault.None:
                    return new(ForwardOutcome.Answered, attempts);
                case AttemptFault.Client:
                    return new(ForwardOutcome.ClientGone, attempts);
                case AttemptFault.AnswerBroken:
                    return new(ForwardOutcome.Broken, attempts);
                case AttemptFault.NothingSent:
                    instance.Link.SetAside(clock.Elapsed(), trial);
                    failed = failed == ForwardOutcome.TimedOut ? failed : ForwardOutcome.Unreachable;
                    break;
                default:
                    // :: Step 4
                    var now = clock.Elapsed();
                    instance.Link.SetAside(now, trial, mayHaveBeenSent: true, waited: now - attemptedAt);
                    failed = fault == AttemptFault.TimedOut ? ForwardOutcome.TimedOut : ForwardOutcome.Unreachable;
                    if (++sent >= options.MaxSendAttempts || !repeatable)
                    {
                        return new(failed, attempts);
                    }

                    break;
            }

            context.Response.Clear();
        }
    }

    private async Task<AttemptFault> ForwardTo(
        HttpContext context, Route route, Instance instance, string target, SendPlan plan)
    {
        var link = instance.Link;
        var urls = instance.Info.Registration.Urls;
        var candidate = link.Candidate % urls.Length;
        for (var left = urls.Length; ;)
        {
            // :: Step 2
            var fault = await Send(context, route, link, urls[candidate], target, plan);
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

    private Task<AttemptFault> Send(
        HttpContext context, Route route, WorkerLink link, string url, string target, SendPlan plan)
    {
        var transformer = new AttemptTransformer(link, url, target, route.ServiceType.Value, clock, seconds =>
        {
            route.Stats.FirstByte.Record(seconds);
            metrics.OnFirstByte(route, seconds);
        });
        return plan.Watched
            ? SendWatched(context, url, plan, transformer)
            : Send(context, url, plan, transformer, CancellationToken.None);
    }

    private async Task<AttemptFault> SendWatched(
        HttpContext context, string url, SendPlan plan, AttemptTransformer transformer)
    {
        var hasBody = HasBody(context);
        using var watch = new ProgressWatch(plan.Limits, hasBody, clock);
        transformer.Watch = watch;
        var body = context.Request.Body;
        if (hasBody)
        {
            context.Request.Body = new WatchedBody(body, watch);
        }

        try
        {
            var fault = await Send(context, url, plan, transformer, watch.Expired);
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

    private async Task<AttemptFault> Send(
        HttpContext context, string url, SendPlan plan, AttemptTransformer transformer, CancellationToken expired)
    {
        var config = plan.ConfigFor(context.Request, url);
        var error = await forwarder.SendAsync(context, url, client.Invoker, config, transformer, expired);
        return AttemptFaults.Classify(
            error,
            context.GetForwarderErrorFeature()?.Exception,
            context.RequestAborted.IsCancellationRequested,
            context.Response.HasStarted);
    }

    private static bool HasBody(HttpContext context) =>
        context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    private static bool MayRepeat(HttpRequest request) =>
        (HttpMethods.IsGet(request.Method)
            || HttpMethods.IsHead(request.Method)
            || HttpMethods.IsOptions(request.Method)
            || HttpMethods.IsPut(request.Method)
            || HttpMethods.IsDelete(request.Method))
        && !HasBody(request.HttpContext);
}

/// <summary>How a request ended.</summary>
/// <param name="Outcome">How.</param>
/// <param name="Attempts">How many workers it was tried at.</param>
internal readonly record struct ForwardResult(ForwardOutcome Outcome, int Attempts);
