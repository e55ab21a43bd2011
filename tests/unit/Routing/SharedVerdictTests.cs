using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Routing;

/// <summary>What a gateway makes of a worker that another one can't connect to.</summary>
public sealed class SharedVerdictTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly Route route;
    private readonly WorkerLink link;

    public SharedVerdictTests()
    {
        route = Sample.Route(new WorkerLinks(), clock);
        route.Apply(Sample.Changes(0, 1, Sample.Joined("a", 1)), isAnswer: true);
        link = route.LinkOf(WorkerId.Parse("a"))!;
    }

    [Fact]
    public void It_is_set_aside_then_tried_by_one_request_at_a_time_until_it_is_reached()
    {
        Say(2, unreachable: true);
        Assert.True(link.IsUnreachable);
        Assert.True(link.IsAvoided(repeatable: true, clock.Elapsed()));
        clock.Advance(TimeSpan.FromSeconds(0.51));
        Assert.False(link.IsAvoided(repeatable: false, clock.Elapsed()));
        Assert.True(link.MayTry(clock.Elapsed(), out var trial));
        Assert.True(trial);
        Assert.False(link.MayTry(clock.Elapsed(), out _));
        link.Answered(0.01, clock.Elapsed());
        Assert.True(link.MayTry(clock.Elapsed(), out trial));
        Assert.False(trial);
        Assert.Equal(0, link.Failures);
    }

    [Fact]
    public void An_answer_that_was_under_way_counts_as_reached()
    {
        Say(2, unreachable: true);
        link.Answered(0.01, clock.Elapsed());
        Assert.False(link.IsAvoided(repeatable: true, clock.Elapsed()));
        // Said again, it stays so: nothing new.
        Say(3, unreachable: true, load: 1);
        Assert.False(link.IsAvoided(repeatable: true, clock.Elapsed()));
    }

    [Fact]
    public void When_it_is_taken_back_the_worker_is_used_again_at_once()
    {
        Say(2, unreachable: true);
        Say(3, unreachable: false);
        Assert.False(link.IsUnreachable);
        Assert.False(link.IsAvoided(repeatable: true, clock.Elapsed()));
    }

    [Fact]
    public void What_this_gateway_saw_itself_is_not_taken_back_by_others()
    {
        link.SetAside(clock.Elapsed());
        Say(2, unreachable: true);
        Say(3, unreachable: false);
        Assert.True(link.IsAvoided(repeatable: true, clock.Elapsed()));

        clock.Advance(TimeSpan.FromSeconds(1));
        link.Answered(0.01, clock.Elapsed());
        Say(4, unreachable: true);
        clock.Advance(TimeSpan.FromSeconds(0.51));
        Assert.True(link.MayTry(clock.Elapsed(), out var trial));
        link.SetAside(clock.Elapsed(), trial);
        Say(5, unreachable: false);
        Assert.True(link.IsAvoided(repeatable: true, clock.Elapsed()));
    }

    [Fact]
    public void A_request_that_fails_while_it_is_set_aside_is_a_failure_of_its_own()
    {
        Say(2, unreachable: true);
        link.SetAside(clock.Elapsed());
        Say(3, unreachable: false);
        Assert.True(link.IsAvoided(repeatable: true, clock.Elapsed()));
    }

    [Fact]
    public void A_new_incarnation_is_reported_at_once()
    {
        Assert.True(link.MayReport(reached: false, clock.Elapsed()));
        link.Follow(2);
        Assert.True(link.MayReport(reached: false, clock.Elapsed()));
    }

    [Fact]
    public void A_new_verdict_is_reported_at_once_and_the_same_one_now_and_then()
    {
        Assert.True(link.MayReport(reached: false, clock.Elapsed()));
        Assert.False(link.MayReport(reached: false, clock.Elapsed()));
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.False(link.MayReport(reached: false, clock.Elapsed()));
        Assert.True(link.MayReport(reached: true, clock.Elapsed()));
        Assert.False(link.MayReport(reached: false, clock.Elapsed()));
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(link.MayReport(reached: false, clock.Elapsed()));
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(link.MayReport(reached: false, clock.Elapsed()));
    }

    private void Say(long version, bool unreachable, double load = 0) => Assert.True(route.Apply(
        Sample.Changes(version - 1, version, Sample.Changed("a", version, WorkerState.Online, load, unreachable)),
        isAnswer: false));
}
