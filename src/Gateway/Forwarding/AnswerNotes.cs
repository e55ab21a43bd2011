using Microsoft.AspNetCore.Diagnostics;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Gateway.Stats;
using WorkerMesh.Gateway.Verdicts;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Notes that a worker's answer began, and decides whether the client gets it.</summary>
internal sealed class AnswerNotes(
    VerdictReporter verdicts, GatewayMetrics metrics, TimeProvider clock, IOptions<GatewayOptions> options)
{
    private readonly GatewayOptions options = options.Value;

    /// <summary>The head of an answer is there.</summary>
    /// <param name="context">The request.</param>
    /// <param name="request">Where it has been.</param>
    /// <param name="link">The worker that answered.</param>
    /// <param name="startedAt">When it was asked.</param>
    /// <param name="busyFor">For how long it says that it is busy; null where it does not.</param>
    /// <returns>False where another worker is to be asked instead, at which a place was taken.</returns>
    public bool OnAnswer(
        HttpContext context, ForwardedRequest request, WorkerLink link, TimeSpan startedAt, TimeSpan? busyFor)
    {
        var now = clock.Elapsed();
        if (busyFor is { } pause)
        {
            // Its latency is not counted: it refuses faster than others work.
            link.Busy(pause, now);
            return context.Response.HasStarted || !GiveWay(request, now);
        }

        var seconds = (now - startedAt).TotalSeconds;
        link.Answered(seconds, now);
        request.Route.Stats.FirstByte.Record(seconds);
        metrics.OnFirstByte(request.Route, seconds);
        verdicts.Reached(request.Current);
        return true;
    }

    /// <summary>
    /// Has an answer of a worker's that is an error left as it is: what the server adds to those that have no content is not
    /// the worker's.
    /// </summary>
    public static void LeaveAsItIs(HttpContext context, int status)
    {
        if (status >= StatusCodes.Status400BadRequest)
        {
            context.Features.Get<IStatusCodePagesFeature>()?.Enabled = false;
        }
    }

    /// <summary>Gives back a place that was taken for an attempt that is not made.</summary>
    public static void GiveBack(in Choice choice)
    {
        if (choice.Instance is { } instance)
        {
            instance.Link.GiveUp();
            instance.Link.Offer();
        }
    }

    /// <summary>
    /// Whether a request that a busy worker refused goes to another one, at which a place is then taken. Only to one in
    /// good standing: where all are busy, asking all of them each time would make them busier.
    /// </summary>
    private bool GiveWay(ForwardedRequest request, TimeSpan now)
    {
        if (!request.IsResendable
            || request.Sent + 1 >= options.MaxSendAttempts
            || request.Attempts >= options.MaxConnectAttempts)
        {
            return false;
        }

        var next = WorkerPicker.Pick(
            new(request.Route.Snapshot!, request.Tried.Span, request.IsRepeatable, request.Wishes.Affinity, LastResort.None), now);
        if (next.Instance is null)
        {
            return false;
        }

        if (!request.Route.Retries.TrySpend(now))
        {
            GiveBack(next);
            return false;
        }

        request.Sent++;
        request.Next = next;
        return true;
    }
}
