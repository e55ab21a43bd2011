using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using WorkerMesh.Benchmarks;

// In this process: the projects that BenchmarkDotNet would generate do not see the internals that are measured.
var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher
    .FromTypes([typeof(RouteChoice), typeof(RouteChange), typeof(HeartbeatParsing), typeof(HeartbeatRenewal), typeof(WatchAnswer)])
    .Run(args, config);
