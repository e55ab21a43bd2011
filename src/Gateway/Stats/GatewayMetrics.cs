using System.Diagnostics;
using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Stats;

/// <summary>The instruments of a gateway, but for those of each worker: each name and tag appears here and nowhere else.</summary>
internal sealed class GatewayMetrics
{
    public const string MeterName = "WorkerMesh.Gateway";

    private const string Requests = "mesh.forward.requests";
    private const string Wait = "mesh.queue.wait.duration";
    private const string Workers = "mesh.workers";

    /// <summary>Four times what an instrument has by default.</summary>
    private const int MostSeriesOfTwoTags = 8_000;

    private readonly Counter<long> requests;
    private readonly Counter<long> retries;
    private readonly Histogram<double> firstByte;
    private readonly Histogram<double> duration;
    private readonly Histogram<double> wait;

    public GatewayMetrics(IMeterFactory meters, RouteTable routes, ClusterLink link, Shortage shortage)
    {
        var meter = meters.Create(MeterName);
        requests = meter.CreateCounter<long>(Requests, "{request}", "Forwarded requests by how they ended.");
        retries = meter.CreateCounter<long>("mesh.forward.retries", "{attempt}", "Attempts after the first.");
        var seconds = new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
        };
        firstByte = meter.CreateHistogram(
            "mesh.forward.first_byte.duration", "s", "Time to the first byte of the worker's answer.", advice: seconds);
        duration = meter.CreateHistogram(
            "mesh.forward.duration", "s", "Time to the last byte of the answer.", advice: seconds);
        meter.CreateObservableGauge(
            "mesh.forward.in_flight", () => routes.All.Select(r => Tagged(r.Stats.InFlight, r)), "{request}", "Requests in flight.");
        wait = meter.CreateHistogram(
            Wait, "s", "Time that requests waited for a place at a worker.", advice: seconds);
        meter.CreateObservableGauge(
            "mesh.queue.length", () => routes.All.Select(r => Tagged(r.Queue.Count, r)), "{request}", "Requests that wait for a place.");
        meter.CreateObservableCounter(
            "mesh.forward.retries_refused",
            () => routes.All.Select(r => Tagged(r.Retries.Refused, r)),
            "{attempt}",
            "Attempts that were not made because the retry budget was spent.");
        meter.CreateObservableGauge(
            Workers, () => routes.All.SelectMany(CountStates), "{worker}", "Workers by state, on the routes of this gateway.");
        meter.CreateObservableCounter(
            "mesh.clients.refused",
            () => shortage.RefusedConnections,
            "{connection}",
            "Connections of clients that were closed at once for want of open files or memory.");
        meter.CreateObservableCounter(
            "mesh.requests.refused",
            () => shortage.RefusedRequests,
            "{request}",
            "Requests that got 503 before anything was done for them, for want of open files or memory.");
        meter.CreateObservableCounter(
            "mesh.socket.turns",
            () => SocketTurn.Totals.Turns,
            "{turn}",
            "Turns of the threads that hear of sockets in which requests and answers were gathered to be sent together.");
        meter.CreateObservableCounter(
            "mesh.socket.gathered", () => SocketTurn.Totals.Sends, "{message}", "Requests and answers that were gathered so.");
        meter.CreateObservableGauge(
            "mesh.cluster.silos", () => link.Silos, "{silo}", "Silos that this gateway is connected to.");
        meter.CreateObservableGauge(
            "mesh.routes", () => routes.All.Count(), "{route}", "Service types that this gateway watches.");
        meter.CreateObservableGauge(
            "mesh.cluster.connected", () => link.Connected ? 1 : 0, "1", "Whether the silos answer this gateway.");
    }

    /// <summary>
    /// Where a series is of a service type and an end or a state: room for about as many service types as other instruments have.
    /// </summary>
    public static MetricStreamConfiguration? View(Instrument instrument) =>
        instrument.Meter.Name == MeterName && instrument.Name is Requests or Wait or Workers
            ? new() { CardinalityLimit = MostSeriesOfTwoTags }
            : null;

    /// <summary>A request ended.</summary>
    public void OnForwarded(Route route, ForwardOutcome outcome, int attempts, double seconds)
    {
        var service = ServiceOf(route);
        requests.Add(1, new("mesh.service", service), new("mesh.outcome", NameOf(outcome)));
        duration.Record(seconds, new KeyValuePair<string, object?>("mesh.service", service));
        if (attempts > 1)
        {
            retries.Add(attempts - 1, new KeyValuePair<string, object?>("mesh.service", service));
        }
    }

    /// <summary>A worker's answer began.</summary>
    public void OnFirstByte(Route route, double seconds) =>
        firstByte.Record(seconds, new KeyValuePair<string, object?>("mesh.service", ServiceOf(route)));

    /// <summary>A request waited for a place.</summary>
    public void OnWaited(Route route, WaitEnd end, double seconds) => wait.Record(
        seconds, new("mesh.service", ServiceOf(route)), new KeyValuePair<string, object?>("mesh.wait", NameOf(end)));

    public static string NameOf(WaitEnd end) => end switch
    {
        WaitEnd.Served => "served",
        WaitEnd.Refused => "refused",
        WaitEnd.NoWorker => "no_worker",
        WaitEnd.Abandoned => "abandoned",
        _ => throw new UnreachableException(),
    };

    public static string NameOf(ForwardOutcome outcome) => outcome switch
    {
        ForwardOutcome.Answered => "answered",
        ForwardOutcome.NoWorker => "no_worker",
        ForwardOutcome.Refused => "refused",
        ForwardOutcome.Busy => "busy",
        ForwardOutcome.NoRoom => "no_room",
        ForwardOutcome.Unreachable => "unreachable",
        ForwardOutcome.Unanswered => "unanswered",
        ForwardOutcome.TimedOut => "timed_out",
        ForwardOutcome.Broken => "broken",
        ForwardOutcome.ClientGone => "client_gone",
        _ => throw new UnreachableException(),
    };

    /// <summary>Types that nobody offers share one name, or anybody could make as many series as they like.</summary>
    private static string ServiceOf(Route route) =>
        route.Snapshot is { All.Length: > 0 } ? route.ServiceType.Value : "(none)";

    private static Measurement<T> Tagged<T>(T value, Route route)
        where T : struct =>
        new(value, new KeyValuePair<string, object?>("mesh.service", ServiceOf(route)));

    private static IEnumerable<Measurement<int>> CountStates(Route route)
    {
        if (route.Snapshot is not { All.Length: > 0 } snapshot)
        {
            return [];
        }

        var byState = snapshot.All.CountBy(i => i.Info.State).ToDictionary();
        return Enum.GetValues<WorkerState>().Select(state => new Measurement<int>(
            byState.GetValueOrDefault(state),
            new("mesh.service", route.ServiceType.Value),
            new("mesh.state", Api.Wire.NameOf(state))));
    }
}
