using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class PathReaderTests
{
    public static TheoryData<string?> BadIds => new()
    {
        (string?)null,
        "",
        "a/b",
        "a%2Fb",
        "a%2fb",
        "a b",
        " a",
        "-a",
        ".",
        "..",
        "a\0",
        "é",
        new string('x', 129),
    };

    [Theory]
    [InlineData("a")]
    [InlineData("0.A_b-c")]
    public void An_id_is_read(string raw)
    {
        var errors = new FieldErrors();

        Assert.Equal(raw, PathReader.WorkerId(raw, errors)?.Value);
        Assert.Equal(raw, PathReader.ServiceType(raw, errors)?.Value);
        Assert.True(errors.IsEmpty);
    }

    [Fact]
    public void An_id_may_have_128_characters()
    {
        var errors = new FieldErrors();

        Assert.NotNull(PathReader.WorkerId(new('x', 128), errors));
        Assert.True(errors.IsEmpty);
    }

    [Theory]
    [MemberData(nameof(BadIds))]
    public void An_id_against_the_rule_is_refused(string? raw)
    {
        var ofWorker = new FieldErrors();
        var ofService = new FieldErrors();

        Assert.Null(PathReader.WorkerId(raw, ofWorker));
        Assert.Null(PathReader.ServiceType(raw, ofService));
        Bodies.AssertOnly(ofWorker.ToDictionary(), "worker_id", "1 to 128 characters");
        Bodies.AssertOnly(ofService.ToDictionary(), "type", "1 to 128 characters");
    }
}
