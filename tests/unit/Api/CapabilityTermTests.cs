using WorkerMesh.Gateway.Api;

namespace WorkerMesh.Tests.Unit.Api;

public sealed class CapabilityTermTests
{
    private const string Capabilities =
        """{"has_gpu": true, "vram": 24, "mem": "24GB", "lang": ["en", "fr"], "none": null, "off": false, "zero": 0, "empty": ""}""";

    [Theory]
    [InlineData("has_gpu", true)]
    [InlineData("has_gpu:true", true)]
    [InlineData("has_gpu:false", false)]
    [InlineData("vram>=24", true)]
    [InlineData("vram>24", false)]
    [InlineData("vram<=24", true)]
    [InlineData("vram<24", false)]
    [InlineData("vram<24.5", true)]
    [InlineData("vram:24", true)]
    [InlineData("vram:24.0", true)]
    [InlineData("mem:24GB", true)]
    [InlineData("mem>=1", false)]
    [InlineData("lang:fr", true)]
    [InlineData("lang:de", false)]
    [InlineData("lang", true)]
    [InlineData("none", false)]
    [InlineData("off", false)]
    [InlineData("off:false", true)]
    [InlineData("zero", false)]
    [InlineData("empty", false)]
    [InlineData("absent", false)]
    public void Conditions_hold_or_not(string text, bool expected) =>
        Assert.Equal(expected, CapabilityTerm.AllHold([CapabilityTerm.TryParse(text)!], Capabilities));

    [Fact]
    public void All_must_hold() => Assert.False(CapabilityTerm.AllHold(
        [CapabilityTerm.TryParse("has_gpu")!, CapabilityTerm.TryParse("lang:de")!], Capabilities));

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData(":x")]
    [InlineData("x:")]
    [InlineData("vram>=many")]
    [InlineData(">=3")]
    public void What_is_no_condition_is_refused(string? text) => Assert.Null(CapabilityTerm.TryParse(text));

    [Fact]
    public void Conditions_are_bounded() => Assert.Null(CapabilityTerm.TryParse(new string('a', 257)));

    [Fact]
    public void Event_ids_survive_the_trip_to_the_client()
    {
        var id = new EventId(long.MaxValue, 1_795_384_772_623_003);
        Assert.Equal(id, EventId.TryParse(id.ToString()));
        Assert.Null(EventId.TryParse("snapshot"));
        Assert.Null(EventId.TryParse("-1"));
        Assert.Null(EventId.TryParse("12-x"));
    }
}
