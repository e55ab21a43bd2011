using WorkerMesh.Gateway.Dialects;
using WorkerMesh.Tests.Unit.Reading;
using static WorkerMesh.Tests.Unit.Dialects.DialectBodies;

namespace WorkerMesh.Tests.Unit.Dialects;

/// <summary>What the registry API is sent, and jobs.</summary>
public sealed class RegistryReaderTests
{
    [Fact]
    public async Task A_registration_is_the_native_one_with_the_id_and_a_single_service()
    {
        var (read, _) = await Register(RegistryBody);
        Assert.Equal("ocr-1", read!.Id.Value);
        Assert.Equal(["http://ocr-1:8104"], read.Registration.Urls);
        Assert.Equal(["vision-ocr"], read.Registration.Services.Select(s => s.Value));
        Assert.Equal(("rack-a", TimeSpan.FromSeconds(20)), (read.Registration.Zone, read.Registration.Lease));
        Assert.Equal(3, read.Incarnation);
        Assert.False(read.Assign);
    }

    [Theory]
    [InlineData("[\"a\", \"b\"]", "a b", false)]
    [InlineData("[]", "", false)]
    [InlineData(null, "", true)]
    [InlineData("null", "", true)]
    public async Task Without_a_single_service_the_list_counts_and_without_both_they_are_assigned(
        string? services, string names, bool assign)
    {
        var (read, _) = await Register(RegistryBody.With("service_type", null).With("services", services));
        Assert.Equal(names, string.Join(' ', read!.Registration.Services));
        Assert.Equal(assign, read.Assign);
    }

    [Theory]
    [InlineData("worker_id", null, "worker_id", "Is missing")]
    [InlineData("worker_id", "\"-a\"", "worker_id", "not '-a'")]
    [InlineData("service_type", "\"a b\"", "service_type", "not 'a b'")]
    [InlineData("service_type", "[]", "service_type", "not an array")]
    [InlineData("services", "[\"a\"]", "services", "service_type")]
    [InlineData("url", null, "url", "Is missing")]
    [InlineData("url", "\"x\"", "url", "not 'x'")]
    [InlineData("lease_seconds", "1", "lease_seconds", "not 1")]
    public async Task What_is_wrong_is_named(string member, string? json, string field, string says)
    {
        var (_, errors) = await Register(RegistryBody.With(member, json));
        Bodies.AssertOnly(errors, field, says);
    }

    [Fact]
    public async Task What_is_not_known_is_ignored()
    {
        var (read, _) = await Register(RegistryBody.With("tunnel_url", "7").With("vpn_ip", "[]"));
        Assert.Equal(["http://ocr-1:8104"], read!.Registration.Urls);
    }

    [Fact]
    public async Task A_job_is_read_and_its_data_kept_as_they_are()
    {
        var (read, _) = await Bodies.Read(Bodies.Request(Job), DialectReader.ReadJob);
        Assert.Equal(("vision-ocr", """{"page": 1}""", "has_gpu"), (read!.Type.Value, read.Data, read.RequiredCapability));
    }

    [Theory]
    [InlineData("required_capability", null)]
    [InlineData("required_capability", "null")]
    public async Task A_job_need_not_require_a_capability(string member, string? json)
    {
        var (read, _) = await Bodies.Read(Bodies.Request(Job.With(member, json)), DialectReader.ReadJob);
        Assert.Null(read!.RequiredCapability);
    }

    [Theory]
    [InlineData("job_type", null, "Is missing")]
    [InlineData("job_type", "null", "Is missing")]
    [InlineData("job_type", "7", "not 7")]
    [InlineData("job_type", "\"a/b\"", "not 'a/b'")]
    [InlineData("job_data", null, "Is missing")]
    [InlineData("job_data", "null", "Is missing")]
    [InlineData("job_data", "[]", "not an array")]
    [InlineData("required_capability", "7", "not 7")]
    [InlineData("required_capability", "\"\"", "not ''")]
    public async Task What_is_wrong_with_a_job_is_named(string member, string? json, string says)
    {
        var (_, errors) = await Bodies.Read(Bodies.Request(Job.With(member, json)), DialectReader.ReadJob);
        Bodies.AssertOnly(errors, member, says);
    }

    private static Task<(DialectRegistration?, IReadOnlyDictionary<string, string[]>)> Register(string body) =>
        Bodies.Read(Bodies.Request(body), DialectReader.ReadRegistry);
}
