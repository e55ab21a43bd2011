using System.Collections.Concurrent;
using System.Diagnostics;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Against round robin, in the same run.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class BalanceTests(EmbeddedMesh mesh)
{
    private const int FastMs = 10;
    private const int SlowMs = 100;

    /// <summary>Less than three workers of 10 ms could serve, more than one of 100 ms can of its third.</summary>
    private const int PerSecond = 60;
    private const int Requests = 480;

    [Fact]
    public async Task A_worker_ten_times_slower_gets_less_than_a_tenth_and_p99_is_a_third_of_round_robins()
    {
        await using var service = mesh.NewService("balance");
        await using var workers = new WorkerSet(await WorkerSet.StartAsync("balance", 3));
        foreach (var worker in workers.All)
        {
            await worker.SetModeAsync($"work={(worker == workers.All[2] ? SlowMs : FastMs)}");
            await service.RegisterAsync(worker);
        }

        var byWorker = new ConcurrentDictionary<string, int>();
        var meshed = await MeasureAsync(async i =>
        {
            var answer = await mesh.Api.GetAsync($"{service.Path}/{i}");
            byWorker.AddOrUpdate(answer.Expect(200).MeshWorker!, 1, (_, n) => n + 1);
        });
        var inTurn = await MeasureAsync(async i => (await workers.All[i % 3].Direct.GetAsync($"/{i}")).Expect(200));

        var share = byWorker.GetValueOrDefault(service.IdOf(workers.All[2])) / (double)Requests;
        var (p99, turnP99) = (P99(meshed), P99(inTurn));
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"Slow worker {share:P1} of the requests; p99 {p99.TotalMilliseconds:0} ms, in turn {turnP99.TotalMilliseconds:0} ms.");
        Assert.InRange(share, 0, 0.1);
        Assert.True(p99 * 3 <= turnP99, $"p99 {p99}, in turn {turnP99}, slow worker's share {share:P1}");
    }

    private static TimeSpan P99(TimeSpan[] latencies) => latencies.Order().ElementAt((int)(latencies.Length * 0.99));

    /// <summary>The latencies of requests that start by schedule, from when each was due.</summary>
    private static async Task<TimeSpan[]> MeasureAsync(Func<int, Task> request)
    {
        var clock = Stopwatch.StartNew();
        return await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
        {
            var due = TimeSpan.FromSeconds((double)i / PerSecond);
            var early = due - clock.Elapsed;
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early, TimeProvider.System);
            }

            await request(i);
            return clock.Elapsed - due;
        }));
    }
}
