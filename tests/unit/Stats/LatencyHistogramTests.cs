using WorkerMesh.Gateway.Stats;

namespace WorkerMesh.Tests.Unit.Stats;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Nothing_recorded_has_no_quantiles() => Assert.Null(new LatencyHistogram().Quantiles(0.5));

    [Theory]
    [InlineData(0.0005)]
    [InlineData(0.01)]
    [InlineData(1)]
    [InlineData(120)]
    public void Quantiles_are_right_to_within_an_eighth(double scale)
    {
        var histogram = new LatencyHistogram();
        for (var i = 1; i <= 1000; i++)
        {
            histogram.Record(scale * i / 1000);
        }

        var found = histogram.Quantiles(0.5, 0.9, 0.99)!;
        Assert.InRange(found[0], scale * 0.5 * 0.875, scale * 0.5 * 1.125);
        Assert.InRange(found[1], scale * 0.9 * 0.875, scale * 0.9 * 1.125);
        Assert.InRange(found[2], scale * 0.99 * 0.875, scale * 0.99 * 1.125);
    }

    [Fact]
    public void Any_duration_has_a_bucket()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(0);
        histogram.Record(1e9);
        Assert.NotNull(histogram.Quantiles(0, 1));
    }
}
