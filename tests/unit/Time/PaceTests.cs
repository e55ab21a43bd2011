using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Tests.Unit.Time;

public sealed class PaceTests
{
    [Fact]
    public void It_is_due_at_once_and_then_once_in_an_interval()
    {
        var clock = new FakeTimeProvider();
        var pace = new Pace(TimeSpan.FromSeconds(10), clock);

        Assert.True(pace.IsDue());
        Assert.False(pace.IsDue());
        clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(pace.IsDue());
        clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(pace.IsDue());
        Assert.False(pace.IsDue());
    }

    [Fact]
    public void It_is_due_for_one_of_those_who_ask_at_once()
    {
        var pace = new Pace(TimeSpan.FromHours(1), TimeProvider.System);
        var due = 0;

        Parallel.For(0, 1000, _ => Interlocked.Add(ref due, pace.IsDue() ? 1 : 0));

        Assert.Equal(1, due);
    }
}
