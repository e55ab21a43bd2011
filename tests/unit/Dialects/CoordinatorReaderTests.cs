using WorkerMesh.Gateway.Dialects;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Reading;
using static WorkerMesh.Tests.Unit.Dialects.DialectBodies;

namespace WorkerMesh.Tests.Unit.Dialects;

/// <summary>What the coordinator API's workers send.</summary>
public sealed class CoordinatorReaderTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_registration_is_read_whole()
    {
        var (read, _) = await Register(Coordinator);
        Assert.Equal("ocr-1", read!.Id.Value);
        Assert.Equal(["http://10.42.0.10:8000", "https://ocr-1.example"], read.Registration.Urls);
        Assert.Equal("https://ocr-1.example", read.Registration.TunnelUrl);
        Assert.Equal("10.42.0.10", read.Registration.VpnIp);
        Assert.Equal(["vision-ocr", "echo"], read.Registration.Services.Select(s => s.Value));
        Assert.Equal("""{"has_gpu": true, "gpu_memory": "24GB"}""", read.Registration.Capabilities);
        Assert.Equal(Lease, read.Registration.Lease);
        Assert.Null(read.Incarnation);
        Assert.False(read.Assign);
    }

    [Theory]
    [InlineData("\"10.42.0.10\"", "\"http://w:1\"", "http://10.42.0.10:8000 http://w:1")]
    [InlineData("\"fd00::7\"", "\"http://w:1\"", "http://[fd00::7]:8000 http://w:1")]
    [InlineData("\"10.42.0.10\"", null, "http://10.42.0.10:8000")]
    [InlineData("\"10.42.0.10\"", "\"\"", "http://10.42.0.10:8000")]
    [InlineData("\"10.42.0.10\"", "\"http://10.42.0.10:8000/\"", "http://10.42.0.10:8000")]
    [InlineData("\"\"", "\"http://w:1/\"", "http://w:1")]
    [InlineData("null", "\"http://w:1\"", "http://w:1")]
    [InlineData(null, "\"http://w:1\"", "http://w:1")]
    public async Task The_vpn_comes_first_and_the_tunnel_second(string? vpn, string? tunnel, string urls)
    {
        var (read, _) = await Register(Coordinator.With("vpn_ip", vpn).With("tunnel_url", tunnel));
        Assert.Equal(urls, string.Join(' ', read!.Registration.Urls));
    }

    [Theory]
    [InlineData("""[{"name": "a"}, {"name": "b", "port": 1}]""", "a b", false)]
    [InlineData("""["a", "b"]""", "a b", false)]
    [InlineData("""["a", {"name": "a"}, "b"]""", "a b", false)]
    [InlineData("""[{"port": 1}, {"name": null}, {"name": "b"}]""", "b", false)]
    [InlineData("""[{"port": 1}]""", "", true)]
    [InlineData("[]", "", true)]
    [InlineData("null", "", true)]
    [InlineData(null, "", true)]
    public async Task Services_are_names_or_objects_and_where_none_is_named_they_are_assigned(
        string? services, string names, bool assign)
    {
        var (read, _) = await Register(Coordinator.With("services", services));
        Assert.Equal(names, string.Join(' ', read!.Registration.Services));
        Assert.Equal(assign, read.Assign);
    }

    [Fact]
    public async Task What_is_not_known_is_ignored()
    {
        var (read, _) = await Register(Coordinator.With("hardware", "[1]").With("containers", "7").With("lease_seconds", "-1"));
        Assert.Equal(Lease, read!.Registration.Lease);
    }

    [Theory]
    [InlineData("worker_id", null, "worker_id", "Is missing")]
    [InlineData("worker_id", "null", "worker_id", "Is missing")]
    [InlineData("worker_id", "\"a b\"", "worker_id", "not 'a b'")]
    [InlineData("worker_id", "7", "worker_id", "not 7")]
    [InlineData("capabilities", null, "capabilities", "Is missing")]
    [InlineData("capabilities", "null", "capabilities", "Is missing")]
    [InlineData("capabilities", "[]", "capabilities", "not an array")]
    [InlineData("capabilities", "\"gpu\"", "capabilities", "not 'gpu'")]
    [InlineData("tunnel_url", "7", "tunnel_url", "not 7")]
    [InlineData("tunnel_url", "\"ocr-1:8104\"", "tunnel_url", "not 'ocr-1:8104'")]
    [InlineData("tunnel_url", "\"ftp://ocr-1\"", "tunnel_url", "not 'ftp://ocr-1'")]
    [InlineData("vpn_ip", "\"ocr-1\"", "vpn_ip", "not 'ocr-1'")]
    [InlineData("vpn_ip", "10", "vpn_ip", "not 10")]
    [InlineData("services", "\"vision-ocr\"", "services", "not 'vision-ocr'")]
    [InlineData("services", "[\"a\", \"b c\"]", "services[1]", "not 'b c'")]
    [InlineData("services", "[7]", "services[0]", "not 7")]
    [InlineData("services", "[{\"name\": \"b c\"}]", "services[0].name", "not 'b c'")]
    [InlineData("services", "[{\"name\": 7}]", "services[0].name", "not 7")]
    public async Task What_is_wrong_is_named(string member, string? json, string field, string says)
    {
        var (_, errors) = await Register(Coordinator.With(member, json));
        Bodies.AssertOnly(errors, field, says);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("null")]
    [InlineData("\"\"")]
    public async Task Without_a_vpn_the_tunnel_is_required(string? tunnel)
    {
        var (_, errors) = await Register(Coordinator.With("vpn_ip", null).With("tunnel_url", tunnel));
        Bodies.AssertOnly(errors, "tunnel_url", "Is missing");
    }

    [Fact]
    public async Task All_that_is_missing_is_named_at_once()
    {
        var (_, errors) = await Register("{}");
        Assert.Equal(["capabilities", "tunnel_url", "worker_id"], errors.Keys.Order());
    }

    [Fact]
    public async Task A_heartbeat_is_read()
    {
        var (read, _) = await Beat(HeartbeatBody);
        Assert.Equal("ocr-1", read!.Value.Id.Value);
        Assert.Equal(
            (false, 0.25, 3, null),
            (read.Value.Beat.Degraded, read.Value.Beat.CurrentLoad, read.Value.Beat.ActiveRequests, read.Value.Beat.Incarnation));
    }

    [Fact]
    public async Task Only_the_id_of_a_heartbeat_is_required()
    {
        var (read, _) = await Beat("""{"worker_id": "a"}""");
        Assert.Equal(new(), read!.Value.Beat);
        var (_, errors) = await Beat("{}");
        Bodies.AssertOnly(errors, "worker_id", "Is missing");
    }

    [Theory]
    [InlineData("\"healthy\"", false)]
    [InlineData("\"Healthy\"", false)]
    [InlineData("\"degraded\"", true)]
    [InlineData("\"overloaded\"", true)]
    public async Task Any_status_but_healthy_is_degraded(string status, bool degraded)
    {
        var (read, _) = await Beat(HeartbeatBody.With("status", status));
        Assert.Equal(degraded, read!.Value.Beat.Degraded);
    }

    [Theory]
    [InlineData("status", "7", "not 7")]
    [InlineData("current_load", "-1", "not -1")]
    [InlineData("current_load", "\"high\"", "not 'high'")]
    [InlineData("active_requests", "-1", "not -1")]
    [InlineData("active_requests", "1.5", "not 1.5")]
    public async Task What_is_wrong_with_a_heartbeat_is_named(string member, string json, string says)
    {
        var (_, errors) = await Beat(HeartbeatBody.With(member, json));
        Bodies.AssertOnly(errors, member, says);
    }

    private static Task<(DialectRegistration?, IReadOnlyDictionary<string, string[]>)> Register(string body) =>
        Bodies.Read(Bodies.Request(body), (root, errors) => DialectReader.ReadCoordinator(root, Lease, errors));

    private static async Task<(WorkerHeartbeat?, IReadOnlyDictionary<string, string[]>)> Beat(string body)
    {
        var (read, errors) = await Bodies.Read(Bodies.Request(body), (root, errors) =>
            DialectReader.ReadHeartbeat(root, errors) is { } beat ? Tuple.Create(beat) : null);
        return (read?.Item1, errors);
    }
}
