using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Probing;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// The way of almost every heartbeat and registration, past all that others need: the thread pool, the router, the pages
/// for statuses, and the checks of what pages of other sites may do, where it is no page that asks. These two are most of
/// what a gateway is asked beside what it forwards, and take less time than all of that.
/// </summary>
internal sealed class WorkersShortcut(WorkerCalls calls, ReachabilityProbe probe, RouteTable routes)
{
    private const string Begin = "/api/workers/";
    private const string EndOfHeartbeat = "/heartbeat";

    /// <summary>Whether a request is one that this takes. It blocks nowhere then.</summary>
    public static bool IsAsked(HttpRequest request) => IsHeartbeat(request) || IsRegistration(request);

    public Task Invoke(HttpContext context, RequestDelegate next)
    {
        if (IsHeartbeat(context.Request) && TryParse(context.Request, EndOfHeartbeat, out var beating))
        {
            return Answer(WorkersApi.Heartbeat(beating.Value, context.Request, calls), context);
        }

        return IsRegistration(context.Request) && TryParse(context.Request, "", out var registering)
            ? Answer(WorkersApi.Put(registering.Value, context.Request, calls, probe, routes), context)
            : next(context);
    }

    private static bool IsHeartbeat(HttpRequest request) =>
        HttpMethods.IsPost(request.Method) && IsOfWorker(request, EndOfHeartbeat);

    private static bool IsRegistration(HttpRequest request) => HttpMethods.IsPut(request.Method) && IsOfWorker(request, "");

    private static bool IsOfWorker(HttpRequest request, string end) =>
        request.Path.Value is { } path
        && path.Length > Begin.Length + end.Length
        && path.EndsWith(end, StringComparison.Ordinal)
        && path.StartsWith(Begin, StringComparison.Ordinal)
        && !path.AsSpan()[Begin.Length..^end.Length].Contains('/')
        && !CrossSiteGuard.IsOfPage(request.Headers);

    private static bool TryParse(HttpRequest request, string end, out WorkerId id) =>
        WorkerId.TryParse(request.Path.Value![Begin.Length..^end.Length], out id);

    private static async Task Answer(Task<IResult> answering, HttpContext context)
    {
        var result = await answering;
        await result.ExecuteAsync(context);
    }
}
