using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// The way of almost every heartbeat, past all that others need: the thread pool, the router, the pages for statuses, and
/// the checks of what pages of other sites may do, where it is no page that asks. Heartbeats are most of what a gateway
/// is asked beside what it forwards, and take less time than all of that.
/// </summary>
internal sealed class HeartbeatShortcut(WorkerCalls calls)
{
    private const string Begin = "/api/workers/";
    private const string End = "/heartbeat";

    /// <summary>Whether a request is a heartbeat that this takes.</summary>
    public static bool IsAsked(HttpRequest request) =>
        request.Path.Value is { } path
        && path.Length > Begin.Length + End.Length
        && path.EndsWith(End, StringComparison.Ordinal)
        && path.StartsWith(Begin, StringComparison.Ordinal)
        && HttpMethods.IsPost(request.Method)
        && !CrossSiteGuard.IsOfPage(request.Headers);

    public Task Invoke(HttpContext context, RequestDelegate next) =>
        IsAsked(context.Request)
        && WorkerId.TryParse(context.Request.Path.Value![Begin.Length..^End.Length], out var id)
            ? Answer(id, context)
            : next(context);

    private async Task Answer(WorkerId id, HttpContext context)
    {
        var result = await WorkersApi.Heartbeat(id.Value, context.Request, calls);
        await result.ExecuteAsync(context);
    }
}
