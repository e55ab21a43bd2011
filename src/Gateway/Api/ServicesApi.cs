using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Api;

/// <summary>Service types: list, find workers, wait for changes, follow them.</summary>
internal static class ServicesApi
{
    private const int LongestWaitSeconds = 55;

    public static void MapServices(this IEndpointRouteBuilder app)
    {
        var services = app.MapGroup("/api/services").WithTags("services");
        services.MapGet("", List).WithName("services").WithSummary("Every known service type with counts of workers by state")
            .Produces<ServicesBody>().WithProblems(503);
        services.MapGet("/{type}", Find).WithName("service").WithSummary("The workers that offer a service type, best first")
            .Produces<InstancesBody>().WithProblems(400, 503);
        services.MapGet("/{type}/events", Follow).WithName("events").WithSummary("Changes as Server-Sent Events")
            .Produces(200, contentType: "text/event-stream").WithProblems(400, 503);
    }

    private static async Task<IResult> List(ClusterCalls cluster, CancellationToken cancellationToken)
    {
        var catalog = await cluster.Call(grains => grains.GetGrain<IServiceCatalogGrain>(0).List(), cancellationToken);
        return TypedResults.Ok(new ServicesBody(
            catalog.Services.Select(s => new ServiceBody(s.ServiceType.Value, Wire.Of(s.Workers))), catalog.Services.Length));
    }

    private static async Task<IResult> Find(
        string type,
        HttpRequest request,
        RouteTable routes,
        Listings listings,
        TimeProvider clock,
        IHostApplicationLifetime lifetime)
    {
        var errors = new FieldErrors();
        var serviceType = PathReader.ServiceType(type, errors);
        var filter = InstanceFilter.Read(request.Query, errors);
        var parameters = new QueryReader(request.Query, errors);
        var index = parameters.Index("index");
        var wait = parameters.Seconds("wait", LongestWaitSeconds) ?? TimeSpan.Zero;
        if (serviceType is not { } service || filter is null || !errors.IsEmpty)
        {
            return Problems.Invalid(errors);
        }

        var aborted = request.HttpContext.RequestAborted;
        var route = await routes.Get(service, aborted);
        if (index is { } seen && wait > TimeSpan.Zero)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.ApplicationStopping);
            await WaitForChange(route, filter, seen, wait, clock, over.Token);
        }

        return listings.Of(route, filter);
    }

    /// <summary>
    /// Ends when the list that the client would see differs from the one with that index, or the wait is over.
    /// </summary>
    private static async Task WaitForChange(
        Route route, InstanceFilter filter, long index, TimeSpan wait, TimeProvider clock, CancellationToken cancellationToken)
    {
        route.Hold();
        try
        {
            var deadline = Task.Delay(wait, clock, cancellationToken);
            for (var looked = index; ;)
            {
                var changed = route.Changed;
                var shown = route.Snapshot!.Version;
                if (shown.Version != looked)
                {
                    // What can't be told apart any more counts as different.
                    if (route.History.Since(shown.Epoch, looked) is not { } events || events.Any(filter.Concerns))
                    {
                        return;
                    }

                    looked = shown.Version;
                }

                if (await Task.WhenAny(changed, deadline) == deadline)
                {
                    return;
                }
            }
        }
        finally
        {
            route.LetGo();
        }
    }

    private static async Task<IResult> Follow(
        string type, HttpRequest request, RouteTable routes, TimeProvider clock, IHostApplicationLifetime lifetime)
    {
        var errors = new FieldErrors();
        if (PathReader.ServiceType(type, errors) is not { } service)
        {
            return Problems.Invalid(errors);
        }

        var route = await routes.Get(service, request.HttpContext.RequestAborted);
        var lastId = EventId.TryParse(request.Headers["Last-Event-ID"].ToString());
        return TypedResults.ServerSentEvents(
            Events(route, lastId, clock, lifetime.ApplicationStopping, request.HttpContext.RequestAborted));
    }

    private static async IAsyncEnumerable<SseItem<object>> Events(
        Route route,
        EventId? last,
        TimeProvider clock,
        CancellationToken stopping,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        var ended = new TaskCompletionSource();
        await using var registration = over.Token.Register(() => ended.TrySetResult());
        route.Hold();
        try
        {
            while (!over.IsCancellationRequested)
            {
                var changed = route.Changed;
                var snapshot = route.Snapshot!;
                var shown = new EventId(snapshot.Version.Epoch, snapshot.Version.Version);
                if (last is not { } seen || route.History.Since(seen.Epoch, seen.Version) is not { } events)
                {
                    var now = clock.Elapsed();
                    yield return new(
                        new InstancesBody(
                            route.ServiceType.Value,
                            shown.Version,
                            snapshot.All.OrderBy(i => i.Link.Id).Select(i => Wire.Of(i, now)),
                            snapshot.All.Length),
                        "snapshot")
                    {
                        EventId = shown.ToString(),
                    };
                    last = shown;
                }
                else
                {
                    foreach (var happened in events)
                    {
                        last = new EventId(shown.Epoch, happened.Version);
                        yield return new(Describe(happened, route, clock), NameOf(happened.Kind))
                        {
                            EventId = last.ToString(),
                        };
                    }
                }

                await Task.WhenAny(changed, ended.Task);
            }
        }
        finally
        {
            route.LetGo();
        }
    }

    private static string NameOf(RouteEventKind kind) => kind switch
    {
        RouteEventKind.Added => "added",
        RouteEventKind.Removed => "removed",
        _ => "changed",
    };

    private static object Describe(RouteEvent happened, Route route, TimeProvider clock) =>
        happened.Kind == RouteEventKind.Removed
            ? new RemovedBody(happened.Id.Value)
            : Wire.Of(new Instance(route.LinkOf(happened.Id) ?? new(happened.Id), happened.Info), clock.Elapsed());
}
