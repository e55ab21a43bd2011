using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Tests.Unit.Routing;

namespace WorkerMesh.Tests.Unit.Api;

/// <summary>Which find answers are shared, and for how long.</summary>
public sealed class ListingsTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(25);
    private readonly FakeTimeProvider clock = new();
    private readonly Route route;
    private readonly Listings listings;

    public ListingsTests()
    {
        route = Sample.Route(new(), clock);
        route.Apply(Sample.Changes(0, 1, Sample.Joined("a", 1)), isAnswer: true);
        listings = new(clock);
    }

    [Fact]
    public void Where_nothing_is_forwarded_an_answer_is_shared_for_a_second()
    {
        var first = Of();
        clock.Advance(TimeSpan.FromSeconds(0.9));
        Assert.Same(first, Of());
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.NotSame(first, Of());
    }

    [Fact]
    public void Where_requests_come_and_go_it_is_shared_for_a_moment_only()
    {
        var first = Of();
        route.Stats.Started();
        Assert.Same(first, Of());
        clock.Advance(Moment);
        var second = Of();
        Assert.NotSame(first, second);

        route.Stats.Ended(ForwardOutcome.Answered, 1);
        clock.Advance(Moment);
        Assert.NotSame(second, Of());
    }

    [Fact]
    public void What_the_registry_says_shows_at_once()
    {
        var first = Of();
        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2)), isAnswer: false);
        Assert.NotSame(first, Of());
    }

    private IResult Of() => listings.Of(route, new(null, null, []));
}
