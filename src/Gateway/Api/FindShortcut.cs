using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// The way of a client that asks for the workers of a service type, all of them and now, past what other requests need
/// (<see cref="WorkersShortcut"/>). Only where the route is there and the list is short, so that it blocks nowhere and
/// holds up nobody for long.
/// </summary>
internal sealed class FindShortcut(RouteTable routes, Listings listings)
{
    private const string Begin = "/api/services/";

    /// <summary>Such a list is written within some 0.2 ms.</summary>
    private const int LongestList = 256;

    /// <summary>Whether a request may be one that this takes.</summary>
    public static bool IsAsked(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
        && request.Path.Value is { } path
        && path.StartsWith(Begin, StringComparison.Ordinal)
        && !path.AsSpan(Begin.Length).Contains('/')
        && !request.QueryString.HasValue
        && !CrossSiteGuard.IsOfPage(request.Headers);

    /// <summary>Whether a list is written on the thread that hears of all sockets.</summary>
    public static bool IsShort(RouteSnapshot snapshot) => snapshot.All.Length <= LongestList;

    public Task Invoke(HttpContext context, RequestDelegate next) =>
        !IsAsked(context.Request) ? next(context)
        : routes.Find(context.Request.Path.Value.AsSpan(Begin.Length)) is { Snapshot: { } snapshot } route && IsShort(snapshot)
            ? listings.Of(route, InstanceFilter.None).ExecuteAsync(context)
            : SocketCompletions.Elsewhere(context, next);
}
