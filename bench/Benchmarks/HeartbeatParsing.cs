using System.Text;
using BenchmarkDotNet.Attributes;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Benchmarks;

/// <summary>
/// What it costs a gateway to read heartbeats: in one pass as workers send them, and by the reader that can say what is
/// wrong with a body, which all took before.
/// </summary>
[MemoryDiagnoser]
public class HeartbeatParsing
{
    private const int BatchSize = 500;
    private const string Members = "\"incarnation\": 1, \"current_load\": 0.42, \"active_requests\": 3";

    private readonly byte[] single = Encoding.UTF8.GetBytes($"{{{Members}}}");

    private readonly byte[] batch = Encoding.UTF8.GetBytes(
        $"{{\"workers\": [{string.Join(',', Enumerable.Range(0, BatchSize).Select(i => $"{{\"worker_id\": \"worker-{i}\", {Members}}}"))}]}}");

    [Benchmark]
    public object? One() => HeartbeatScan.One(single);

    [Benchmark]
    public object? OneInFull()
    {
        using var body = JsonBody.Parse(single);
        return HeartbeatReader.Read(body.Root, new());
    }

    [Benchmark]
    public object? BatchOf500() => HeartbeatScan.Many(batch);

    [Benchmark]
    public object? BatchOf500InFull()
    {
        using var body = JsonBody.Parse(batch);
        return HeartbeatBatchReader.Read(body.Root, new());
    }
}
