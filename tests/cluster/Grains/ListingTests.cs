using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class ListingTests : IAsyncLifetime
{
    private const int Workers = 600;
    private static readonly WorkerQuery All = new(Limit: 250, After: null, Service: null, State: null, Zone: null);
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync()
    {
        mesh = await MeshFixture.Start(silos: 3);
        for (var i = 0; i < Workers; i++)
        {
            var record = Sample.Record(Id(i), 1, i % 3 == 0 ? Sample.Echo : Sample.Ocr);
            var zone = i % 5 == 0 ? "rack-a" : null;
            mesh.Store.Poke(record.Id, record with
            {
                Registration = record.Registration with { Zone = zone },
                Draining = i % 100 == 99,
            });
        }
    }

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Pages_hold_every_worker_once_in_the_order_of_their_ids()
    {
        var pages = await Pages(All);

        Assert.Equal([250, 250, 100], pages.Select(p => p.Workers.Length));
        Assert.Equal(Enumerable.Range(0, Workers).Select(Id).Order(StringComparer.Ordinal), Ids(pages));
        Assert.All(pages.SelectMany(p => p.Workers), w => Assert.Equal(1, w.Record.Incarnation));
    }

    [Theory]
    [InlineData("echo", null, 200)]
    [InlineData("vision-ocr", null, 400)]
    [InlineData(null, "rack-a", 120)]
    [InlineData("echo", "rack-a", 40)]
    [InlineData("echo", "rack-b", 0)]
    [InlineData("unknown", null, 0)]
    public async Task Filters_by_service_type_and_zone_are_exact(string? service, string? zone, int expected)
    {
        var query = All with
        {
            Limit = 90,
            Service = service is null ? null : ServiceType.ParseKey(service),
            Zone = zone,
        };

        var pages = await Pages(query);

        Assert.Equal(expected, Ids(pages).Count);
        Assert.All(pages.SelectMany(p => p.Workers), w =>
        {
            Assert.True(service is null || w.Record.Registration.Services is [var only] && only.Value == service);
            Assert.True(zone is null || w.Record.Registration.Zone == zone);
        });
    }

    [Fact]
    public async Task A_rare_state_is_found_among_many()
    {
        var pages = await Pages(All with { Limit = 4, State = WorkerState.Draining });

        Assert.Equal(
            Enumerable.Range(0, Workers).Where(i => i % 100 == 99).Select(Id).Order(StringComparer.Ordinal),
            Ids(pages));
        Assert.All(pages.SelectMany(p => p.Workers), w => Assert.Equal(WorkerState.Draining, w.State));
        Assert.Equal(594, Ids(await Pages(All with { State = WorkerState.Online })).Count);
        Assert.Empty(Ids(await Pages(All with { State = WorkerState.Offline })));
    }

    [Fact]
    public async Task Workers_that_were_registered_and_removed_show_at_once()
    {
        await mesh.Register("zz-new", Sample.Echo);
        await mesh.Worker(Id(0)).Unregister();

        var ids = Ids(await Pages(All));

        Assert.Equal(Workers, ids.Count);
        Assert.Equal("zz-new", ids[^1]);
        Assert.DoesNotContain(Id(0), ids);
    }

    private static string Id(int number) => $"w{number}";

    private static List<string> Ids(IEnumerable<WorkerListing> pages) =>
        [.. pages.SelectMany(p => p.Workers).Select(w => w.Record.Id.Value)];

    private async Task<List<WorkerListing>> Pages(WorkerQuery query)
    {
        var pages = new List<WorkerListing>();
        do
        {
            pages.Add(await mesh.Listing.List(query));
            Assert.InRange(pages[^1].Workers.Length, 0, query.Limit);
            query = query with { After = pages[^1].Next };
        }
        while (query.After is not null);

        return pages;
    }
}
