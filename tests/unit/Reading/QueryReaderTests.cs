using System.Globalization;
using Microsoft.AspNetCore.Http;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class QueryReaderTests
{
    [Fact]
    public void All_kinds_of_parameters_are_read()
    {
        var (query, errors) = Query(
            "?limit=1000&index=9223372036854775807&state=draining&service=vision-ocr&zone=rack-a&after=w.1&wait=30s"
            + "&check=false&capability=has_gpu%20%C3%A9&unknown=1&unknown=2");

        Assert.Equal(1000, query.Integer("limit", 1, 1000));
        Assert.Equal(long.MaxValue, query.Index("index"));
        Assert.Equal(WorkerState.Draining, query.State("state"));
        Assert.Equal("vision-ocr", query.Service("service")?.Value);
        Assert.Equal("rack-a", query.Zone("zone"));
        Assert.Equal("w.1", query.Worker("after")?.Value);
        Assert.Equal(TimeSpan.FromSeconds(30), query.Seconds("wait", 55));
        Assert.False(query.Flag("check"));
        Assert.Equal("has_gpu é", query.Text("capability"));
        Assert.True(errors.IsEmpty);
    }

    [Fact]
    public void Absent_parameters_are_null_and_no_errors()
    {
        var (query, errors) = Query("");

        Assert.Null(query.Integer("limit", 1, 1000));
        Assert.Null(query.Index("index"));
        Assert.Null(query.State("state"));
        Assert.Null(query.Service("service"));
        Assert.Null(query.Zone("zone"));
        Assert.Null(query.Worker("after"));
        Assert.Null(query.Seconds("wait", 55));
        Assert.Null(query.Flag("check"));
        Assert.Null(query.Text("capability"));
        Assert.True(errors.IsEmpty);
    }

    [Theory]
    [InlineData("online", WorkerState.Online)]
    [InlineData("degraded", WorkerState.Degraded)]
    [InlineData("draining", WorkerState.Draining)]
    [InlineData("offline", WorkerState.Offline)]
    public void States_have_the_names_of_the_contract(string name, WorkerState state) =>
        Assert.Equal(state, Query($"?state={name}").Query.State("state"));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("55", 55)]
    [InlineData("0.25", 0.25)]
    [InlineData("0s", 0)]
    [InlineData("1.5s", 1.5)]
    public void Seconds_may_have_fractions_and_a_unit(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Query($"?wait={text}").Query.Seconds("wait", 55));

    [Theory]
    [InlineData("limit", "0", "from 1 to 1000, not '0'")]
    [InlineData("limit", "1001", "from 1 to 1000")]
    [InlineData("limit", "-5", "not '-5'")]
    [InlineData("limit", "99999999999999999999", "from 1 to 1000")]
    [InlineData("limit", "ten", "not 'ten'")]
    [InlineData("limit", "1.0", "not '1.0'")]
    [InlineData("limit", "%201", "not ' 1'")]
    [InlineData("limit", "", "not ''")]
    [InlineData("index", "-1", "0 or more")]
    [InlineData("index", "9223372036854775808", "0 or more")]
    [InlineData("state", "Online", "online, degraded, draining and offline")]
    [InlineData("state", "1", "online, degraded, draining and offline")]
    [InlineData("service", "a/b", "not 'a/b'")]
    [InlineData("service", "", "1 to 128 characters")]
    [InlineData("zone", "a%00b", "not 'a\uFFFDb'")]
    [InlineData("after", "%20", "1 to 128 characters")]
    [InlineData("wait", "56", "from 0 to 55")]
    [InlineData("wait", "55.1s", "from 0 to 55")]
    [InlineData("wait", "-1", "from 0 to 55")]
    [InlineData("wait", "NaN", "from 0 to 55")]
    [InlineData("wait", "1e1", "from 0 to 55")]
    [InlineData("wait", "s", "from 0 to 55")]
    [InlineData("wait", "5m", "such as 30 or 30s")]
    [InlineData("check", "no", "true or false")]
    [InlineData("capability", "", "1 to 256 characters")]
    public void A_value_that_is_wrong_is_an_error_of_its_parameter(string name, string value, string says)
    {
        var errors = ReadAll($"?{name}={value}");

        Bodies.AssertOnly(errors.ToDictionary(), name, says);
    }

    [Theory]
    [InlineData("limit")]
    [InlineData("index")]
    [InlineData("state")]
    [InlineData("service")]
    [InlineData("zone")]
    [InlineData("after")]
    [InlineData("wait")]
    [InlineData("check")]
    [InlineData("capability")]
    public void A_parameter_given_twice_is_refused(string name)
    {
        var errors = ReadAll($"?{name}=1&{name}=1");

        Bodies.AssertOnly(errors.ToDictionary(), name, "Is given 2 times");
    }

    [Fact]
    public void Text_is_bounded()
    {
        var errors = ReadAll("?capability=" + new string('x', 257) + "&zone=" + new string('y', 5000));

        Assert.Equal(["capability", "zone"], errors.ToDictionary().Keys.Order());
        Assert.All(errors.ToDictionary().Values, s => Assert.InRange(s[0].Length, 1, 260));
        Assert.Equal(256, Query("?capability=" + new string('x', 256)).Query.Text("capability")!.Length);
    }

    [Fact]
    public void Numbers_are_read_the_same_in_every_culture()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = "," } };
            Assert.Equal(TimeSpan.FromSeconds(1.5), Query("?wait=1.5").Query.Seconds("wait", 55));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static FieldErrors ReadAll(string text)
    {
        var (query, errors) = Query(text);
        query.Integer("limit", 1, 1000);
        query.Index("index");
        query.State("state");
        query.Service("service");
        query.Zone("zone");
        query.Worker("after");
        query.Seconds("wait", 55);
        query.Flag("check");
        query.Text("capability");
        return errors;
    }

    private static (QueryReader Query, FieldErrors Errors) Query(string text)
    {
        var request = new DefaultHttpContext().Request;
        request.QueryString = new(text);
        var errors = new FieldErrors();
        return (new(request.Query, errors), errors);
    }
}
