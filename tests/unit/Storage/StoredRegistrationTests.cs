using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Storage;

public sealed class StoredRegistrationTests
{
    [Fact]
    public void The_names_in_the_text_are_snake_case_and_absent_members_are_left_out()
    {
        var text = StoredRegistration.Serialize(new Registration
        {
            Urls = ["http://a:1/ü"],
            Services = [ServiceType.ParseKey("ocr")],
            Capabilities = """{"a":"\u0000"}""",
            MaxConcurrency = 4,
        });

        Assert.Equal(
            """
            {"urls":["http://a:1/ü"],"services":["ocr"],"capabilities":"{\"a\":\"\\u0000\"}","weight":1,
            """
            + """
            "max_concurrency":4,"lease":"00:00:15"}
            """,
            text);
    }

    [Fact]
    public void What_a_newer_version_adds_is_skipped_and_what_an_older_one_lacks_has_its_default()
    {
        var registration = StoredRegistration.Deserialize(
            """{"urls":["http://a:1"],"kind":{"name":"tunnel","hops":[1,2]},"health":{"path":"/h","new":1}}""");

        Assert.Equal(["http://a:1"], registration.Urls);
        Assert.Equal(["-"], registration.RegistryKeys.Select(key => key.Value));
        Assert.Equal("{}", registration.Capabilities);
        Assert.Equal((1, null, Registration.DefaultLease),
            (registration.Weight, registration.MaxConcurrency, registration.Lease));
        Assert.Equal(new HealthCheck { Path = "/h" }, registration.Health);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("""{"urls":null}""")]
    [InlineData("""{"services":["not a type"]}""")]
    public void A_row_that_someone_else_wrote_is_refused_with_the_name_of_its_worker(string text)
    {
        var row = new WorkerRow(
            WorkerId.Parse("ocr-1"), 1, Guid.Empty, false, false, "2026-01-01T00:00:00.0000000+00:00", text);

        var e = Assert.Throws<InvalidDataException>(row.ToRecord);

        Assert.Contains("'ocr-1'", e.Message, StringComparison.Ordinal);
    }
}
