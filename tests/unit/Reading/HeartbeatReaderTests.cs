using System.Text;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class HeartbeatReaderTests
{
    [Fact]
    public async Task All_members_are_read()
    {
        var (beat, errors) = await Read(
            """{"incarnation": 7, "status": "degraded", "current_load": 0.42, "active_requests": 3, "x": {"y": 1}}""");

        Assert.Empty(errors);
        Assert.Equal(new() { Incarnation = 7, Degraded = true, CurrentLoad = 0.42, ActiveRequests = 3 }, beat);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"incarnation": null, "status": null, "current_load": null, "active_requests": null}""")]
    public async Task Absent_and_null_members_report_nothing(string text)
    {
        var (beat, errors) = await Read(text);

        Assert.Empty(errors);
        Assert.Equal(new(), beat);
    }

    [Theory]
    [InlineData("""{"status": "healthy", "current_load": 0, "active_requests": 0}""", 0, 0)]
    [InlineData("""{"status": "healthy", "current_load": 1e6, "active_requests": 1000000000}""", 1e6, 1_000_000_000)]
    public async Task Values_at_the_limits_are_read(string text, double load, int active)
    {
        var (beat, errors) = await Read(text);

        Assert.Empty(errors);
        Assert.Equal(new() { Degraded = false, CurrentLoad = load, ActiveRequests = active }, beat);
    }

    [Theory]
    [InlineData("""{"incarnation": 0}""", "incarnation", "1 or more")]
    [InlineData("""{"incarnation": "7"}""", "incarnation", "not '7'")]
    [InlineData("""{"incarnation": 1.5}""", "incarnation", "not 1.5")]
    [InlineData("""{"status": "Healthy"}""", "status", "'healthy' or 'degraded', not 'Healthy'")]
    [InlineData("""{"status": ""}""", "status", "'healthy' or 'degraded'")]
    [InlineData("""{"status": true}""", "status", "'healthy' or 'degraded', not true")]
    [InlineData("""{"current_load": NaN}""", "current_load", "no NaN")]
    [InlineData("""{"current_load": Infinity}""", "current_load", "no Infinity")]
    [InlineData("""{"current_load": "NaN"}""", "current_load", "not 'NaN'")]
    [InlineData("""{"current_load": -0.1}""", "current_load", "from 0 to 1000000, not -0.1")]
    [InlineData("""{"current_load": 1000001}""", "current_load", "from 0 to 1000000")]
    [InlineData("""{"current_load": 1e400}""", "current_load", "not 1e400")]
    [InlineData("""{"current_load": []}""", "current_load", "not an array")]
    [InlineData("""{"active_requests": -1}""", "active_requests", "from 0 to 1000000000, not -1")]
    [InlineData("""{"active_requests": 1000000001}""", "active_requests", "from 0 to 1000000000")]
    [InlineData("""{"active_requests": 0.5}""", "active_requests", "not 0.5")]
    public async Task A_member_that_is_wrong_is_named_alone_and_in_a_batch(string text, string field, string says)
    {
        var (beat, errors) = await Read(text);
        var inBatch = text.Replace("{", """{"worker_id": "b", """, StringComparison.Ordinal);
        var (batch, batchErrors) = await ReadBatch($$"""{"workers": [{"worker_id": "a"}, {{inBatch}}]}""");

        Assert.Null(beat);
        Bodies.AssertOnly(errors, field, says);
        Assert.Null(batch);
        Bodies.AssertOnly(batchErrors, $"workers[1].{field}", says);
    }

    [Fact]
    public async Task A_batch_keeps_its_order()
    {
        var (batch, errors) = await ReadBatch(
            """{"workers": [{"worker_id": "b", "current_load": 0.5}, {"worker_id": "a"}], "unknown": 1}""");

        Assert.Empty(errors);
        Assert.Equal(["b", "a"], batch!.Select(b => b.Id.Value));
        Assert.Equal([0.5, null], batch!.Select(b => b.Beat.CurrentLoad));
    }

    [Theory]
    [InlineData("""{}""", "workers", "Is missing")]
    [InlineData("""{"workers": null}""", "workers", "Is missing")]
    [InlineData("""{"workers": {}}""", "workers", "an array of 1 to 1000 heartbeats")]
    [InlineData("""{"workers": []}""", "workers", "1 to 1000 heartbeats, not 0")]
    [InlineData("""{"workers": [5]}""", "workers[0]", "not 5")]
    [InlineData("""{"workers": [null]}""", "workers[0]", "not null")]
    [InlineData("""{"workers": [{"worker_id": "a"}, {}]}""", "workers[1].worker_id", "Is missing")]
    [InlineData("""{"workers": [{"worker_id": "a/b"}]}""", "workers[0].worker_id", "not 'a/b'")]
    [InlineData("""{"workers": [{"worker_id": 5}]}""", "workers[0].worker_id", "not 5")]
    [InlineData("""{"workers": [{"worker_id": "a"}, {"worker_id": "b"}, {"worker_id": "a"}]}""",
        "workers[2].worker_id", "Repeats workers[0].worker_id")]
    public async Task A_batch_that_is_wrong_is_refused_whole(string text, string field, string says)
    {
        var (batch, errors) = await ReadBatch(text);

        Assert.Null(batch);
        Bodies.AssertOnly(errors, field, says);
    }

    [Fact]
    public async Task A_batch_has_at_most_1000_workers()
    {
        var (fits, _) = await ReadBatch(Batch(1000));
        var (_, errors) = await ReadBatch(Batch(1001));

        Assert.Equal(1000, fits!.Count);
        Bodies.AssertOnly(errors, "workers", "1 to 1000 heartbeats, not 1001");

        static string Batch(int count)
        {
            var workers = Enumerable.Range(0, count).Select(i => $"{{\"worker_id\":\"w{i}\"}}");
            return $$"""{"workers": [{{string.Join(",", workers)}}]}""";
        }
    }

    [Fact]
    public void Heartbeats_as_workers_send_them_are_read_in_one_pass()
    {
        const string members = """ "incarnation": 7, "status": "degraded", "current_load": 0.42, "active_requests": 3 """;
        var beat = new Heartbeat { Incarnation = 7, Degraded = true, CurrentLoad = 0.42, ActiveRequests = 3 };

        Assert.Equal(new(), HeartbeatScan.One(""u8));
        Assert.Equal(beat, HeartbeatScan.One(Encoding.UTF8.GetBytes($"{{{members}}}")));
        Assert.Equal(
            [new(WorkerId.Parse("a"), beat), new(WorkerId.Parse("b"), new())],
            HeartbeatScan.Many(Encoding.UTF8.GetBytes(
                $$"""{"workers": [{"worker_id": "a", {{members}}}, {"worker_id": "b", "status": null}]}""")));
    }

    [Theory]
    [InlineData("""{"workers": [{"worker_id": "a"}], "workers": []}""")]
    [InlineData("""{"workers": [{"worker_id": "a"}]} {}""")]
    [InlineData("""{"workers": [{"worker_id": "a", "worker_id": "b"}]}""")]
    [InlineData("""{"workers": [{"worker_id": "a", "x": 1, "x": 2}]}""")]
    [InlineData("""{"workers": [{"worker_id": "a", "x": "\ud800"}]}""")]
    [InlineData("""{"workers": [{"worker_id": null}]}""")]
    [InlineData("""{"workers": [{"status": "healthy"}]}""")]
    [InlineData("""{"workers": [{"worker_id": "\u0061 "}]}""")]
    [InlineData("""{"workers": [{"worker_id": "a"}, {"worker_id": "a"}]}""")]
    [InlineData("""{"workers": [{"worker_id": "a"}}""")]
    public async Task One_pass_accepts_no_batch_that_is_refused(string text)
    {
        Assert.NotEmpty((await ReadBatch(text)).Errors);
        Assert.Null(HeartbeatScan.Many(Encoding.UTF8.GetBytes(text)));
    }

    private static async Task<(Heartbeat? Value, IReadOnlyDictionary<string, string[]> Errors)> Read(string text)
    {
        var (value, errors) = await Bodies.Read(Bodies.Request(text), (body, errors) => HeartbeatReader.Read(body, errors));
        if (HeartbeatScan.One(Encoding.UTF8.GetBytes(text)) is { } scanned)
        {
            Assert.Empty(errors);
            Assert.Equal(value, scanned);
        }

        return (value, errors);
    }

    private static async Task<(IReadOnlyList<WorkerHeartbeat>? Value, IReadOnlyDictionary<string, string[]> Errors)> ReadBatch(
        string text)
    {
        var (value, errors) = await Bodies.Read(Bodies.Request(text), HeartbeatBatchReader.Read);
        if (HeartbeatScan.Many(Encoding.UTF8.GetBytes(text)) is { } scanned)
        {
            Assert.Empty(errors);
            Assert.Equal(value, scanned);
        }

        return (value, errors);
    }
}
