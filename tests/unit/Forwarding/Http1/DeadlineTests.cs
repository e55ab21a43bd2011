using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Forwarding.Http1;

namespace WorkerMesh.Tests.Unit.Forwarding.Http1;

public sealed class DeadlineTests
{
    private readonly FakeTimeProvider clock = new();
    private int overs;

    [Fact]
    public void It_is_over_once_when_nothing_sets_it_anew()
    {
        using var deadline = new Deadline(clock, () => overs++);
        deadline.Set(TimeSpan.FromSeconds(10));
        clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Equal((0, false), (overs, deadline.IsOver));
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal((1, true), (overs, deadline.IsOver));
        // And stays so.
        deadline.Set(TimeSpan.FromSeconds(10));
        Assert.False(deadline.TryClear());
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal((1, true), (overs, deadline.IsOver));
    }

    [Fact]
    public void What_sets_it_anew_moves_it()
    {
        using var deadline = new Deadline(clock, () => overs++);
        for (var i = 0; i < 100; i++)
        {
            deadline.Set(TimeSpan.FromSeconds(10));
            clock.Advance(TimeSpan.FromSeconds(9));
        }

        Assert.Equal(0, overs);
        clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(1, overs);
    }

    [Fact]
    public void A_shorter_limit_holds_at_once()
    {
        using var deadline = new Deadline(clock, () => overs++);
        deadline.Set(TimeSpan.FromMinutes(2));
        deadline.Set(TimeSpan.FromMilliseconds(50));
        clock.Advance(TimeSpan.FromMilliseconds(60));
        Assert.Equal(1, overs);
    }

    [Fact]
    public void None_holds_after_it_was_cleared_until_the_next()
    {
        using var deadline = new Deadline(clock, () => overs++);
        deadline.Set(TimeSpan.FromSeconds(1));
        Assert.True(deadline.TryClear());
        clock.Advance(TimeSpan.FromSeconds(100));
        Assert.Equal(0, overs);
        deadline.Set(TimeSpan.FromSeconds(1));
        clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(1, overs);
    }

    [Fact]
    public async Task Of_a_limit_that_is_over_and_one_that_is_cleared_at_once_only_one_happens()
    {
        for (var i = 0; i < 300; i++)
        {
            var over = 0;
            using var deadline = new Deadline(TimeProvider.System, () => Interlocked.Increment(ref over));
            deadline.Set(TimeSpan.FromMilliseconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(i % 3), TimeProvider.System, TestContext.Current.CancellationToken);
            var cleared = deadline.TryClear();
            await Task.Delay(TimeSpan.FromMilliseconds(3), TimeProvider.System, TestContext.Current.CancellationToken);
            Assert.Equal(cleared ? 0 : 1, Volatile.Read(ref over));
        }
    }
}
