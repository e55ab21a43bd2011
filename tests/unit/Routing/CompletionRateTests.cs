using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class CompletionRateTests
{
    private readonly CompletionRate rate = new();
    private TimeSpan now = TimeSpan.FromHours(1);

    public CompletionRateTests() => rate.Resume(now);

    [Theory]
    [InlineData(1, 10, 10)]
    [InlineData(5, 10, 2)]
    [InlineData(20, 100, 5)]
    public void Places_that_become_free_at_a_steady_rate_are_expected_at_that_rate(
        int perSecond, int places, double expected)
    {
        for (var i = 0; i < 60 * perSecond; i++)
        {
            Pass(1.0 / perSecond);
            rate.Count(now);
        }

        Assert.InRange(rate.Until(places, now).TotalSeconds, expected * 0.85, expected * 1.05);
    }

    [Fact]
    public void Where_none_became_free_each_takes_at_least_as_long_as_was_watched()
    {
        Assert.Equal(TimeSpan.Zero, rate.Until(3, now));
        Pass(2);
        Assert.Equal(6, rate.Until(3, now).TotalSeconds, 3);
    }

    [Fact]
    public void What_was_long_ago_is_forgotten()
    {
        for (var i = 0; i < 100; i++)
        {
            Pass(0.01);
            rate.Count(now);
        }

        Assert.InRange(rate.Until(10, now).TotalSeconds, 0.05, 0.15);
        Pass(60);
        Assert.InRange(rate.Until(10, now).TotalSeconds, 400, 700);
    }

    [Fact]
    public void A_pause_does_not_count()
    {
        Pass(1);
        rate.Count(now);
        now += TimeSpan.FromHours(1);
        rate.Resume(now);
        Assert.InRange(rate.Until(1, now).TotalSeconds, 0.4, 0.6);
    }

    private void Pass(double seconds) => now += TimeSpan.FromSeconds(seconds);
}
