using System.Diagnostics.Metrics;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Stats;

/// <summary>
/// The instruments of a gateway that have a series for each worker. The exporter never gives the room of a series back, so
/// that ids which come and go would use it up: then the instruments are made anew.
/// </summary>
internal sealed class WorkerMetrics(IMeterFactory meters, RouteTable routes, TimeProvider clock) : IDisposable
{
    /// <summary>How many workers have series of their own; those beyond are added up in one (OpenTelemetry's metrics SDK, cardinality limits).</summary>
    public const int MostWorkers = 2_000;

    /// <summary>How many places those may keep who are gone, where there are too few for all.</summary>
    private const int MostGone = MostWorkers / 10;

    private readonly Lock gate = new();
    private readonly HashSet<WorkerId> measured = [];
    private Meter? meter;

    /// <summary>To be called before the instruments are read.</summary>
    public void MakeRoom()
    {
        lock (gate)
        {
            if (meter is not null && !IsShort())
            {
                return;
            }

            meter?.Dispose();
            measured.Clear();
            meter = Create();
        }
    }

    public void Dispose() => meter?.Dispose();

    private bool IsShort()
    {
        var gone = measured.Count(id => routes.Links.Find(id) is null);
        return gone >= MostGone && routes.Links.All().Count + gone > MostWorkers;
    }

    private Meter Create()
    {
        // Not by the factory, whose meters last as long as it does.
        var created = new Meter(new MeterOptions(GatewayMetrics.MeterName) { Scope = meters });
        created.CreateObservableCounter(
            "mesh.worker.requests", () => Read(l => l.Requests), "{request}", "Requests that were sent to a worker.");
        created.CreateObservableCounter(
            "mesh.worker.failures", () => Read(l => l.Failures), "{request}", "Requests that a worker failed.");
        created.CreateObservableGauge(
            "mesh.worker.in_flight", () => Read(l => l.InFlight), "{request}", "Requests in flight at a worker.");
        created.CreateObservableGauge(
            "mesh.worker.latency",
            () => Read(l => l.LatencySeconds(clock.Elapsed())),
            "s",
            "Time to a worker's first byte, as the choice sees it: peaks at once, forgets slowly.");
        return created;
    }

    private IEnumerable<Measurement<T>> Read<T>(Func<WorkerLink, T> read)
        where T : struct
    {
        var all = routes.Links.All();
        lock (gate)
        {
            foreach (var link in all)
            {
                if (measured.Count == MostWorkers)
                {
                    break;
                }

                measured.Add(link.Id);
            }
        }

        return all.Select(l => new Measurement<T>(read(l), new KeyValuePair<string, object?>("mesh.worker", l.Id.Value)));
    }
}
