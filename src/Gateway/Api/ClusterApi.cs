using System.Collections.Immutable;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Cluster;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>The cluster itself: its silos and gateways, and how all hangs together.</summary>
internal static class ClusterApi
{
    private const int DefaultWorkers = 200;
    private const int MaxWorkers = 1000;

    public static void MapCluster(this IEndpointRouteBuilder app)
    {
        var cluster = app.MapGroup("/api").WithTags("cluster");
        cluster.MapGet("/peers", Peers).WithName("peers")
            .WithSummary("The silos as the membership protocol sees them, and the gateways").Produces<PeersBody>().WithProblems(503);
        cluster.MapGet("/topology", Topology).WithName("topology")
            .WithSummary("Nodes (gateways, silos, workers) and edges, for drawing").Produces<TopologyBody>().WithProblems(400, 503);
    }

    private static async Task<IResult> Peers(ClusterCalls cluster, GatewayPresence here, CancellationToken cancellationToken)
    {
        var (peers, gateways) = await Read(cluster, here, cancellationToken);
        return TypedResults.Ok(new PeersBody(
            peers.Silos.Select(s => new PeerBody(s.Address, s.Name, s.Status)),
            peers.Silos.Count(s => s.Status == "active"),
            gateways.Select(g => new GatewayBody(g.Id, g.Host, g.Addresses, g.Zone, g.StartedAt)),
            peers.Version,
            peers.Answering));
    }

    public static async Task<IResult> Topology(HttpRequest request, ClusterCalls cluster, GatewayPresence here)
    {
        var errors = new FieldErrors();
        var limit = new QueryReader(request.Query, errors).Integer("limit", 0, MaxWorkers) ?? DefaultWorkers;
        if (!errors.IsEmpty)
        {
            return Problems.Invalid(errors);
        }

        var (peers, gateways) = await Read(cluster, here, request.HttpContext.RequestAborted);
        var listing = limit == 0
            ? new WorkerListing([], null)
            : await cluster.Call(
                grains => grains.GetGrain<IWorkerListingGrain>(0).List(new(limit, null, null, null, null)),
                request.HttpContext.RequestAborted);
        var active = peers.Silos.Where(s => s.Status == "active").ToList();
        var nodes = gateways.Select(g => new NodeBody($"gateway:{g.Id}", "gateway", g.Id, "online", g.Zone, null))
            .Concat(peers.Silos.Select(s => new NodeBody($"silo:{s.Address}", "silo", s.Name, s.Status, null, null)))
            .Concat(listing.Workers.Select(w => new NodeBody(
                $"worker:{w.Record.Id}",
                "worker",
                w.Record.Id.Value,
                Wire.NameOf(w.State),
                w.Record.Registration.Zone,
                w.Record.Registration.Services.Select(s => s.Value))));
        // Every gateway may call every silo and every worker; silos watch each other.
        var edges = gateways.SelectMany(g => active.Select(s => new EdgeBody($"gateway:{g.Id}", $"silo:{s.Address}", "calls")))
            .Concat(active.SelectMany((s, i) => active.Skip(i + 1).Select(
                t => new EdgeBody($"silo:{s.Address}", $"silo:{t.Address}", "member"))))
            .Concat(gateways.SelectMany(g => listing.Workers
                .Where(w => w.State.IsHealthy())
                .Select(w => new EdgeBody($"gateway:{g.Id}", $"worker:{w.Record.Id}", "forwards"))));
        return TypedResults.Ok(new TopologyBody(nodes, edges, listing.Next is not null));
    }

    public static async Task<(PeerList Peers, ImmutableArray<GatewayInfo> Gateways)> Read(
        ClusterCalls cluster, GatewayPresence here, CancellationToken cancellationToken)
    {
        var peers = cluster.Call(grains => grains.GetGrain<IPeersGrain>(0).List(), cancellationToken);
        var listed = await cluster.Call(
            grains => grains.GetGrain<IServiceCatalogGrain>(0).ListGateways(), cancellationToken);
        // This one is there, whether or not the catalog has heard of it yet.
        var gateways = listed.Any(g => g.Id == here.GatewayId) ? listed : listed.Add(here.Describe());
        return (await peers, gateways);
    }
}

internal sealed record PeerBody(string Address, string Name, string Status);

internal sealed record GatewayBody(string Id, string Host, IEnumerable<string> Addresses, string? Zone, DateTimeOffset StartedAt);

internal sealed record PeersBody(
    IEnumerable<PeerBody> Silos, int ActiveSilos, IEnumerable<GatewayBody> Gateways, long MembershipVersion, string AnsweredBy);

internal sealed record NodeBody(
    string Id, string Kind, string Name, string State, string? Zone, IEnumerable<string>? Services);

internal sealed record EdgeBody(string From, string To, string Kind);

/// <summary>Truncated says that there are more workers than were asked for.</summary>
internal sealed record TopologyBody(IEnumerable<NodeBody> Nodes, IEnumerable<EdgeBody> Edges, bool Truncated);
