using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// /service/{type} and everything below it: finds the route and what the request asks for, and has it forwarded.
/// </summary>
internal sealed class ForwardingEndpoint(
    RouteTable routes,
    RequestForwarder forwarder,
    SendPlans plans,
    Refusal refusal,
    IOptions<AssignmentOptions> assignment)
{
    private readonly FrozenDictionary<string, string> shortNames =
        assignment.Value.Aliases.ToFrozenDictionary(StringComparer.Ordinal);

    public static void Map(IEndpointRouteBuilder app)
    {
        var endpoint = app.ServiceProvider.GetRequiredService<ForwardingEndpoint>();
        // Request delegates: no binding, no filters, nothing between the router and the forwarder.
        foreach (var pattern in (string[])[TargetPath.Prefix + "{type}", TargetPath.Prefix + "{type}/{**path}"])
        {
            app.Map(pattern, (RequestDelegate)endpoint.Handle).WithDisplayName("forward");
        }
    }

    /// <summary>Whether a request is to be forwarded.</summary>
    public static bool IsAsked(HttpRequest request) =>
        request.Path.Value.AsSpan().StartsWith(TargetPath.Prefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The way of almost every request, past all that others need: the router, which finds what is plain to see here, the
    /// pages for statuses, which workers' answers are not to have, and the checks of what pages of other sites may do,
    /// where it is no page that asks.
    /// </summary>
    public Task Shortcut(HttpContext context, RequestDelegate next)
    {
        if (!IsAsked(context.Request) || CrossSiteGuard.IsOfPage(context.Request.Headers))
        {
            return next(context);
        }

        var rest = context.Request.Path.Value.AsSpan(TargetPath.Prefix.Length);
        var slash = rest.IndexOf('/');
        return routes.Find(slash < 0 ? rest : rest[..slash]) is { Snapshot.All.Length: > 0 } route
            ? Refuse(context) ?? Forward(context, route)
            : next(context);
    }

    private Task Handle(HttpContext context)
    {
        var name = (string)context.Request.RouteValues["type"]!;
        return Refuse(context) ?? (Find(name) is { } route ? Forward(context, route) : FirstRequest(context, name));
    }

    /// <summary>Null where it is not refused whatever service type it is for.</summary>
    private static Task? Refuse(HttpContext context) =>
        RefusedMethods.Contains(context) ? RefusedMethods.Refuse(context)
        : MessageFraming.IsAmbiguous(context.Request.Headers) ? MessageFraming.Refuse(context)
        : null;

    /// <summary>The route of a name, or of what it is short for where nobody serves the name itself.</summary>
    private Route? Find(string name)
    {
        var route = routes.Find(name);
        return route is { Snapshot.All.Length: 0 } && shortNames.TryGetValue(name, out var full) ? routes.Find(full) : route;
    }

    private async Task FirstRequest(HttpContext context, string name)
    {
        var errors = new FieldErrors();
        if (PathReader.ServiceType(name, errors) is not { } serviceType)
        {
            await Problems.Invalid(errors).ExecuteAsync(context);
            return;
        }

        Route route;
        try
        {
            route = await routes.Get(serviceType, context.RequestAborted);
            if (route is { Snapshot.All.Length: 0 } && shortNames.TryGetValue(name, out var full))
            {
                route = await routes.Get(ServiceType.ParseKey(full), context.RequestAborted);
            }
        }
        catch (ClusterUnavailableException e)
        {
            await refusal.WriteNoRoute(context, name, e.Message);
            return;
        }

        await Forward(context, route);
    }

    private Task Forward(HttpContext context, Route route)
    {
        if (!TargetPath.TryFind(context, route.ServiceType.Value, out var target))
        {
            var errors = new FieldErrors();
            errors.Add("path", "Holds a '.' or '..' segment; write the path without.");
            return Problems.Invalid(errors).ExecuteAsync(context);
        }

        if (plans.Find(context.Request, route.ServiceType.Value, out var faults) is not { } plan)
        {
            return Problems.Invalid(faults!).ExecuteAsync(context);
        }

        return RequestWishes.Read(context.Request.Headers, out var wishes) is { } refused
            ? Problems.Invalid(refused).ExecuteAsync(context)
            : forwarder.Forward(context, route, wishes, target, plan);
    }
}
