using System.Diagnostics;
using System.Globalization;

namespace WorkerMesh.Tests.System.Jobs;

/// <summary>
/// What is registered at one gateway is routed to by another, and soon: it is told, it does not find out.
/// </summary>
[Collection<OnCluster>]
public sealed class VisibilityTests(ClusterMesh mesh)
{
    private const int Tries = 200;

    /// <summary>A gateway asks for what it missed every 3 s: half of that is out of reach for asking.</summary>
    private static readonly TimeSpan Slowest = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan SlowestMedian = TimeSpan.FromSeconds(0.2);

    [Fact]
    public async Task A_registration_at_one_gateway_is_pushed_to_the_other_which_routes_to_it()
    {
        var (near, far) = (mesh.Gateways[0].Api, mesh.Gateways[1].Api);
        await using var service = mesh.NewService("visible");
        var worker = (await mesh.WorkersAsync(1))[0];
        await using var events = await EventStream.OpenAsync(far, service);
        Assert.Equal("snapshot", (await events.NextAsync()).Kind);
        var added = new List<TimeSpan>();
        var removed = new List<TimeSpan>();
        for (var i = 0; i < Tries; i++)
        {
            var id = service.IdOf($"try{i}");
            var answered = await service.PutAsync(near, id, service.Registration(worker.Url));
            answered.Expect(201);
            added.Add(await TimeAsync(() => events.NextAsync("added", id)));
            Assert.Equal(id, (await far.GetAsync(service.Path + "/now")).Expect(200).MeshWorker);

            (await near.DeleteAsync($"/api/workers/{id}")).Expect(204);
            removed.Add(await TimeAsync(() => events.NextAsync("removed", id)));
            (await far.GetAsync(service.Path + "/gone")).ExpectProblem(503);
        }

        Check("added", added);
        Check("removed", removed);
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> wait)
    {
        var clock = Stopwatch.StartNew();
        await wait();
        var took = clock.Elapsed;
        Assert.True(took < Slowest, $"Seen {took} after its answer.");
        return took;
    }

    private static void Check(string what, List<TimeSpan> times)
    {
        times.Sort();
        var (p50, p99, max) = (times[times.Count / 2], times[(times.Count * 99 / 100) - 1], times[^1]);
        var numbers = ((TimeSpan[])[p50, p99, max])
            .Select(t => t.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture));
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{what}, ms after its answer, p50, p99, max: {string.Join(", ", numbers)}");
        Assert.True(p50 < SlowestMedian, $"{what} was seen after {p50} in the median.");
    }
}
