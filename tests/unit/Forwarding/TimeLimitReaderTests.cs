using Microsoft.AspNetCore.Http;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class TimeLimitReaderTests
{
    private static readonly TimeLimits Usual = Seconds(2, 120, 120);
    private static readonly TimeLimits Longest = Seconds(10, 3600, 60);

    [Theory]
    [InlineData("2.5", 2.5)]
    [InlineData("30", 30)]
    [InlineData(".5", 0.5)]
    [InlineData("3600", 3600)]
    [InlineData("3601", 3600)]
    [InlineData("99999999999999999999999999", 3600)]
    [InlineData("0.0000001", 0.001)]
    public void A_time_limit_is_seconds_cut_to_the_most_that_is_allowed(string value, double expected)
    {
        var errors = new FieldErrors();
        var limits = TimeLimitReader.Read(Headers("x-mesh-timeout-first-byte", value), Usual, Longest, errors);
        Assert.True(errors.IsEmpty);
        Assert.Equal(Usual with { FirstByte = TimeSpan.FromSeconds(expected) }, limits);
    }

    [Fact]
    public void What_is_usual_may_be_asked_for_even_where_it_is_more()
    {
        var errors = new FieldErrors();
        var limits = TimeLimitReader.Read(Headers(TimeLimitReader.BetweenBytes, "100"), Usual, Longest, errors);
        Assert.Equal(TimeSpan.FromSeconds(100), limits.BetweenBytes);
        limits = TimeLimitReader.Read(Headers(TimeLimitReader.BetweenBytes, "121"), Usual, Longest, errors);
        Assert.Equal(TimeSpan.FromSeconds(120), limits.BetweenBytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1,5")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("2s")]
    [InlineData("1", "2")]
    public void What_is_no_number_of_seconds_is_an_error_at_the_header(params string[] values)
    {
        var errors = new FieldErrors();
        TimeLimitReader.Read(Headers(TimeLimitReader.Connect, values), Usual, Longest, errors);
        Assert.Equal([TimeLimitReader.Connect], errors.ToDictionary().Keys);
    }

    private static TimeLimits Seconds(double connect, double firstByte, double betweenBytes) => new(
        TimeSpan.FromSeconds(connect), TimeSpan.FromSeconds(firstByte), TimeSpan.FromSeconds(betweenBytes));

    private static HeaderDictionary Headers(string name, params string[] values) => new() { [name] = values };
}
