using Microsoft.AspNetCore.Http.Features;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>A request on its way: what it asks for, and where it has been. Used by one attempt at a time.</summary>
internal sealed class ForwardedRequest
{
    private readonly WorkerLink?[] tried;
    private int candidate;
    private int urlsLeft;

    /// <param name="context">The request.</param>
    /// <param name="route">Where it goes.</param>
    /// <param name="wishes">What it asks of the mesh.</param>
    /// <param name="plan">How it is sent, and how long that may take.</param>
    /// <param name="tried">Room for the workers that it is tried at.</param>
    public ForwardedRequest(HttpContext context, Route route, in RequestWishes wishes, SendPlan plan, WorkerLink?[] tried)
    {
        this.tried = tried;
        Route = route;
        Wishes = wishes;
        Plan = plan;
        IsResendable = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != true;
        IsRepeatable = IsResendable && IsIdempotent(context.Request.Method);
        Explanation = wishes.Explain ? Explanation.For(context, wishes.Affinity is not null) : null;
    }

    public Route Route { get; }

    public RequestWishes Wishes { get; }

    public SendPlan Plan { get; }

    /// <summary>Whether it can be sent again: it has no body, of which nothing would be kept.</summary>
    public bool IsResendable { get; }

    /// <summary>Whether doing it twice is as good as once too (RFC 9110, section 9.2.2).</summary>
    public bool IsRepeatable { get; }

    /// <summary>Null where none was asked for.</summary>
    public Explanation? Explanation { get; }

    /// <summary>How many workers it was tried at.</summary>
    public int Attempts { get; private set; }

    /// <summary>After how many of them it may have been sent.</summary>
    public int Sent { get; set; }

    /// <summary>The worker that it is tried at.</summary>
    public Instance Current { get; private set; } = null!;

    /// <summary>A place that was taken for the next attempt before the current one was given up.</summary>
    public Choice Next { get; set; }

    public ReadOnlyMemory<WorkerLink?> Tried => tried.AsMemory(0, Attempts);

    /// <summary>The URL that the worker is tried at: the one where it was reached at last, or those after it.</summary>
    public string Url => Current.Info.Registration.Urls[candidate];

    public void Try(Instance instance)
    {
        Current = instance;
        Next = default;
        tried[Attempts++] = instance.Link;
        urlsLeft = instance.Info.Registration.Urls.Length;
        candidate = instance.Link.Candidate % urlsLeft;
    }

    /// <summary>Its URL could not be connected to: goes on to the worker's next one. False where that was the last.</summary>
    public bool TryNextUrl()
    {
        var urls = Current.Info.Registration.Urls.Length;
        Current.Link.PassOver(candidate, urls);
        candidate = (candidate + 1) % urls;
        return --urlsLeft > 0;
    }

    private static bool IsIdempotent(string method) =>
        HttpMethods.IsGet(method)
        || HttpMethods.IsHead(method)
        || HttpMethods.IsOptions(method)
        || HttpMethods.IsPut(method)
        || HttpMethods.IsDelete(method);
}
