using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class RouteTests
{
    private readonly WorkerLinks links = new();
    private readonly Route route;

    public RouteTests() => route = Sample.Route(links);

    [Fact]
    public void Is_not_ready_before_the_registry_has_answered()
    {
        Assert.Null(route.Snapshot);
        Assert.False(route.Apply(Sample.Changes(5, 6, Sample.Joined("a", 6)), isAnswer: false));
        Assert.False(route.Ready.IsCompleted);
    }

    [Fact]
    public void A_whole_list_then_changes_that_follow_on()
    {
        Assert.True(route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 9), Sample.Joined("b", 10)), isAnswer: true));
        Assert.True(route.Apply(
            Sample.Changes(10, 13, Sample.Changed("a", 11, WorkerState.Offline), Sample.Removed("b", 12), Sample.Joined("c", 13)),
            isAnswer: false));
        Assert.Equal(13, route.Snapshot!.Version.Version);
        Assert.Equal(["a Offline", "c Online"], Listed());
        Assert.Equal(["c"], route.Snapshot.Tiers.Single().Select(i => i.Link.Id.Value));
    }

    [Fact]
    public void A_push_with_a_gap_changes_nothing_and_asks_for_more()
    {
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 10)), isAnswer: true);
        Assert.False(route.Apply(Sample.Changes(11, 12, Sample.Joined("b", 12)), isAnswer: false));
        Assert.Equal(10, route.Snapshot!.Version.Version);
        Assert.Equal(["a Online"], Listed());
    }

    [Fact]
    public void An_old_push_changes_nothing()
    {
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 10)), isAnswer: true);
        Assert.True(route.Apply(Sample.Changes(8, 9, Sample.Removed("a", 9)), isAnswer: false));
        Assert.Equal(["a Online"], Listed());
    }

    [Fact]
    public void Changes_that_overlap_what_is_known_count_from_there()
    {
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 10, WorkerState.Offline)), isAnswer: true);
        Assert.True(route.Apply(
            Sample.Changes(8, 12, Sample.Changed("a", 9, WorkerState.Online), Sample.Joined("b", 12)), isAnswer: false));
        Assert.Equal(["a Offline", "b Online"], Listed());
    }

    [Fact]
    public void A_push_of_another_activation_asks_and_its_answer_replaces_everything()
    {
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 9), Sample.Joined("b", 10)), isAnswer: true);
        var other = Sample.Changes(0, 5, Sample.Joined("b", 4), Sample.Joined("c", 5)) with { Epoch = 2 };
        Assert.False(route.Apply(other, isAnswer: false));
        Assert.Equal(["a Online", "b Online"], Listed());
        Assert.True(route.Apply(other, isAnswer: true));
        Assert.Equal(["b Online", "c Online"], Listed());
    }

    [Fact]
    public void A_change_of_load_keeps_the_tiers_and_shows_the_load()
    {
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 10)), isAnswer: true);
        var tiers = route.Snapshot!.Tiers;
        route.Apply(Sample.Changes(10, 11, Sample.Changed("a", 11, WorkerState.Online, load: 0.7)), isAnswer: false);
        Assert.Same(tiers, route.Snapshot.Tiers);
        Assert.Equal(0.7, route.Snapshot.All.Single().Info.Load);
    }

    [Fact]
    public void Whoever_waits_is_woken_by_a_change()
    {
        route.Apply(Sample.Changes(0, 10), isAnswer: true);
        Assert.True(route.Ready.IsCompleted);
        var changed = route.Changed;
        Assert.False(changed.IsCompleted);
        route.Apply(Sample.Changes(10, 11, Sample.Joined("a", 11)), isAnswer: false);
        Assert.True(changed.IsCompleted);
    }

    [Fact]
    public void Links_are_shared_by_routes_and_go_with_the_last()
    {
        var other = Sample.Route(links);
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 10)), isAnswer: true);
        other.Apply(Sample.Changes(0, 10, Sample.Joined("a", 10)), isAnswer: true);
        Assert.Same(route.Snapshot!.All.Single().Link, other.Snapshot!.All.Single().Link);
        route.Dispose();
        Assert.Single(links.All());
        other.Apply(Sample.Changes(10, 11, Sample.Removed("a", 11)), isAnswer: false);
        Assert.Empty(links.All());
    }

    [Fact]
    public void The_history_tells_what_is_new_to_a_version_and_admits_what_it_forgot()
    {
        route.Apply(Sample.Changes(0, 10, Sample.Joined("a", 9), Sample.Joined("b", 10)), isAnswer: true);
        route.Apply(Sample.Changes(10, 12, Sample.Changed("a", 11, WorkerState.Degraded), Sample.Removed("b", 12)), isAnswer: false);
        Assert.Equal(
            [(11L, RouteEventKind.Changed), (12L, RouteEventKind.Removed)],
            route.History.Since(1, 10)!.Select(e => (e.Version, e.Kind)));
        Assert.Empty(route.History.Since(1, 12)!);
        Assert.Null(route.History.Since(2, 12));
        Assert.Null(route.History.Since(1, 13));
        Assert.Null(route.History.Since(1, 3));

        for (var version = 13; version < 13 + 2000; version++)
        {
            route.Apply(
                Sample.Changes(version - 1, version, Sample.Changed("a", version, WorkerState.Online, load: version)), isAnswer: false);
        }

        Assert.Null(route.History.Since(1, 12));
        Assert.Equal(100, route.History.Since(1, 1912)!.Count);
    }

    private IEnumerable<string> Listed() =>
        route.Snapshot!.All.OrderBy(i => i.Link.Id).Select(i => $"{i.Link.Id} {i.Info.State}");
}
