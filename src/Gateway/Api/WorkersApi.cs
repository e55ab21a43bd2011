using WorkerMesh.Gateway.Probing;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>Workers: register, describe, list, renew, drain, unregister.</summary>
internal static class WorkersApi
{
    /// <summary>
    /// The longest registration, in bytes, of which nobody notices how long it takes to be parsed. Hardly any is longer.
    /// </summary>
    private const int MostReadAtOnce = 16 * 1024;

    public static void MapWorkers(this IEndpointRouteBuilder app)
    {
        var workers = app.MapGroup("/api/workers").WithTags("workers");
        // A catch-all, so that an id with a slash, or none, is told what is wrong with it.
        workers.MapPut("/{**worker_id}", Put).WithName("register").WithSummary("Register, or replace the registration of, a worker")
            .WithBody<RegistrationDocument>()
            .Produces<RegisteredBody>(201).Produces<RegisteredBody>().WithProblems(400, 409, 503);
        workers.MapGet("/{worker_id}", Describe).WithName("worker").WithSummary("One worker")
            .Produces<WorkerBody>().WithProblems(400, 404, 503);
        workers.MapGet("", List).WithName("workers").WithSummary("A page of workers, ordered by id")
            .Produces<WorkerPageBody>().WithProblems(400, 503);
        workers.MapPost("/{worker_id}/heartbeat", Heartbeat).WithName("heartbeat").WithSummary("Renew the lease, report load")
            .WithBody<HeartbeatDocument>()
            .Produces<HeartbeatBody>().WithProblems(400, 404, 409, 503);
        workers.MapPost("/heartbeats", Heartbeats).WithName("heartbeats").WithSummary("Heartbeats of up to 1000 workers")
            .WithBody<HeartbeatsDocument>()
            .Produces<HeartbeatResultsBody>().WithProblems(400, 503);
        workers.MapPost("/{worker_id}/drain", (string worker_id, WorkerCalls calls) => Drain(worker_id, true, calls))
            .WithName("drain").WithSummary("No new requests; those in flight finish").Produces<DrainBody>().WithProblems(400, 404, 503);
        workers.MapDelete("/{worker_id}/drain", (string worker_id, WorkerCalls calls) => Drain(worker_id, false, calls))
            .WithName("undrain").WithSummary("Take a drain back").Produces<DrainBody>().WithProblems(400, 404, 503);
        workers.MapDelete("/{worker_id}", Unregister).WithName("unregister").WithSummary("Unregister a worker")
            .Produces(204).WithProblems(400, 404, 503);
    }

    internal static async Task<IResult> Put(
        string? worker_id, HttpRequest request, WorkerCalls calls, ReachabilityProbe probe, RouteTable routes)
    {
        var errors = new FieldErrors();
        var id = PathReader.WorkerId(worker_id, errors);
        var (bytes, unread) = await JsonBody.ReadRawAsync(request);
        if (unread is not null)
        {
            return unread;
        }

        if (bytes.Length > MostReadAtOnce)
        {
            // Others wait for this thread.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        using var body = JsonBody.Parse(bytes);
        if (body.Problem is { } problem)
        {
            return problem;
        }

        var read = RegistrationReader.Read(body.Root, errors);
        var check = new QueryReader(request.Query, errors).Flag("check") ?? true;
        return id is not { } workerId || read is null || !errors.IsEmpty
            ? Problems.Invalid(errors)
            : await Register(
                workerId, read.Registration, read.Incarnation, !read.ServicesGiven, check, request, calls, probe, routes);
    }

    /// <summary>Registers a worker, whichever dialect it was read from.</summary>
    /// <param name="workerId">The worker.</param>
    /// <param name="asked">What it says about itself.</param>
    /// <param name="incarnation">What it believes its incarnation to be, if it says so.</param>
    /// <param name="assign">Whether its services are to be assigned.</param>
    /// <param name="check">Whether to try to connect to it.</param>
    /// <param name="request">The request.</param>
    /// <param name="calls">Reaches the cluster.</param>
    /// <param name="probe">Makes the check.</param>
    /// <param name="routes">Where what the check found is of use.</param>
    public static async Task<IResult> Register(
        WorkerId workerId,
        Registration asked,
        long? incarnation,
        bool assign,
        bool check,
        HttpRequest request,
        WorkerCalls calls,
        ReachabilityProbe probe,
        RouteTable routes)
    {
        // Beside the write: it decides nothing.
        var checking = check
            ? probe.Check(asked.Urls, request.HttpContext.RequestAborted)
            : Task.FromResult(Reachability.Unchecked(null));
        var answer = await calls.Register(workerId, asked, incarnation, assign);
        var found = await checking;
        if (answer.Outcome == RegisterOutcome.Superseded)
        {
            return Problems.Superseded(workerId, incarnation ?? 0, answer.Record.Incarnation);
        }

        if (found.Candidate > 0)
        {
            routes.Links.Find(workerId)?.Prefer(found.Candidate);
        }

        var registration = answer.Record.Registration;
        var registered = new RegisteredBody(
            workerId.Value,
            answer.Record.Incarnation,
            [.. registration.Services.Select(s => s.Value)],
            registration.Lease.TotalSeconds,
            Math.Round(registration.HeartbeatInterval.TotalSeconds, 3),
            Wire.Of(found));
        return answer.Outcome == RegisterOutcome.Created
            ? new SmallJson<RegisteredBody>(StatusCodes.Status201Created, registered, $"/api/workers/{workerId}")
            : new SmallJson<RegisteredBody>(StatusCodes.Status200OK, registered);
    }

    private static async Task<IResult> Describe(
        string worker_id, WorkerCalls calls, RouteTable routes, TimeProvider clock)
    {
        var errors = new FieldErrors();
        if (PathReader.WorkerId(worker_id, errors) is not { } id)
        {
            return Problems.Invalid(errors);
        }

        return await calls.Describe(id) is { } worker
            ? TypedResults.Ok(Wire.Of(worker, routes.Links.Find(id), clock.GetUtcNow()))
            : Problems.UnknownWorker(id);
    }

    private static async Task<IResult> List(HttpRequest request, WorkerCalls calls, RouteTable routes, TimeProvider clock)
    {
        var errors = new FieldErrors();
        var parameters = new QueryReader(request.Query, errors);
        var query = new WorkerQuery(
            parameters.Integer("limit", 1, 1000) ?? 100,
            parameters.Worker("after"),
            parameters.Service("service"),
            parameters.State("state"),
            parameters.Zone("zone"));
        if (!errors.IsEmpty)
        {
            return Problems.Invalid(errors);
        }

        var page = await calls.List(query);
        var now = clock.GetUtcNow();
        var workers = page.Workers.Select(w => Wire.Of(w, routes.Links.Find(w.Record.Id), now));
        return TypedResults.Ok(new WorkerPageBody(workers, page.Workers.Length, page.Next?.Value));
    }

    internal static async Task<IResult> Heartbeat(string worker_id, HttpRequest request, WorkerCalls calls)
    {
        var errors = new FieldErrors();
        var id = PathReader.WorkerId(worker_id, errors);
        var (bytes, problem) = await JsonBody.ReadRawAsync(request);
        if (problem is not null)
        {
            return problem;
        }

        var beat = HeartbeatScan.One(bytes.Span);
        if (beat is null)
        {
            using var body = JsonBody.Parse(bytes, mayBeEmpty: true);
            if (body.Problem is { } malformed)
            {
                return malformed;
            }

            beat = HeartbeatReader.Read(body.Root, errors);
        }

        if (id is not { } workerId || beat is null || !errors.IsEmpty)
        {
            return Problems.Invalid(errors);
        }

        var answer = await calls.Heartbeat(workerId, beat);
        return answer.Outcome switch
        {
            HeartbeatOutcome.Unknown => Problems.UnknownWorker(workerId),
            HeartbeatOutcome.Superseded => Problems.Superseded(workerId, beat.Incarnation ?? 0, answer.Incarnation),
            _ => HeartbeatResults.Renewed(workerId, answer),
        };
    }

    private static async Task<IResult> Heartbeats(HttpRequest request, WorkerCalls calls)
    {
        var (bytes, problem) = await JsonBody.ReadRawAsync(request);
        if (problem is not null)
        {
            return problem;
        }

        IReadOnlyList<WorkerHeartbeat>? batch = HeartbeatScan.Many(bytes.Span);
        if (batch is null)
        {
            using var body = JsonBody.Parse(bytes);
            if (body.Problem is { } malformed)
            {
                return malformed;
            }

            var errors = new FieldErrors();
            batch = HeartbeatBatchReader.Read(body.Root, errors);
            if (batch is null || !errors.IsEmpty)
            {
                return Problems.Invalid(errors);
            }
        }

        return HeartbeatResults.Of(batch, await calls.Heartbeats(batch));
    }

    private static async Task<IResult> Drain(string worker_id, bool draining, WorkerCalls calls)
    {
        var errors = new FieldErrors();
        if (PathReader.WorkerId(worker_id, errors) is not { } id)
        {
            return Problems.Invalid(errors);
        }

        return await calls.SetDraining(id, draining) is { } answer
            ? TypedResults.Ok(new DrainBody(id.Value, answer.Record.Incarnation, answer.Record.Draining, calls.InFlight(id)))
            : Problems.UnknownWorker(id);
    }

    private static async Task<IResult> Unregister(string worker_id, WorkerCalls calls)
    {
        var errors = new FieldErrors();
        if (PathReader.WorkerId(worker_id, errors) is not { } id)
        {
            return Problems.Invalid(errors);
        }

        return await calls.Unregister(id) ? TypedResults.NoContent() : Problems.UnknownWorker(id);
    }
}
