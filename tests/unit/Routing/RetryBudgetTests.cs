using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class RetryBudgetTests
{
    private static readonly TimeSpan Now = TimeSpan.FromHours(1);

    [Theory]
    // Nothing earned: the floor, ten at once.
    [InlineData(0.2, 0, 10)]
    [InlineData(0.2, 4, 10)]
    [InlineData(0.2, 5, 11)]
    [InlineData(0.2, 100, 30)]
    [InlineData(0.1, 100, 20)]
    // What can be saved up is bounded.
    [InlineData(0.2, 1_000_000, 60)]
    [InlineData(0, 100, 0)]
    public void Requests_earn_their_share_of_retries(double share, int requests, int expected)
    {
        var budget = new RetryBudget(share);
        for (var i = 0; i < requests; i++)
        {
            budget.Earn();
        }

        Assert.Equal(expected, Spend(budget, Now, 1000));
        Assert.Equal(1000 - expected, budget.Refused);
    }

    [Fact]
    public void The_floor_gives_one_retry_a_second()
    {
        var budget = new RetryBudget(0.2);
        Assert.Equal(10, Spend(budget, Now, 100));
        Assert.Equal(0, Spend(budget, Now + TimeSpan.FromSeconds(0.9), 100));
        Assert.Equal(1, Spend(budget, Now + TimeSpan.FromSeconds(1), 100));
        Assert.Equal(4, Spend(budget, Now + TimeSpan.FromSeconds(5), 100));
        Assert.Equal(10, Spend(budget, Now + TimeSpan.FromHours(1), 100));
    }

    [Fact]
    public void Where_every_request_fails_there_are_a_fifth_more_in_the_long_run()
    {
        var budget = new RetryBudget(0.2);
        var retries = 0;
        const int requests = 100_000;
        for (var i = 0; i < requests; i++)
        {
            budget.Earn();
            // 1000 requests a second.
            retries += Spend(budget, Now + TimeSpan.FromMilliseconds(i), 2);
        }

        Assert.InRange(retries, requests * 0.2, (requests * 0.2) + 10 + (requests / 1000));
    }

    [Fact]
    public async Task Requests_that_spend_at_once_do_not_spend_twice()
    {
        var budget = new RetryBudget(0.2);
        for (var i = 0; i < 250; i++)
        {
            budget.Earn();
        }

        var spent = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Spend(budget, Now, 100))));
        Assert.Equal(60, spent.Sum());
    }

    private static int Spend(RetryBudget budget, TimeSpan now, int times) =>
        Enumerable.Range(0, times).Count(_ => budget.TrySpend(now));
}
