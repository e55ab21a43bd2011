using WorkerMesh.Gateway.Api;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Routing;
using Instance = WorkerMesh.Gateway.Routing.Instance;

namespace WorkerMesh.Tests.Unit.Api;

/// <summary>The order of lists: by state, then those to avoid last, then by cost for their weight, then by id.</summary>
public sealed class RankedInstanceTests
{
    [Fact]
    public void The_best_are_first()
    {
        var now = TimeSpan.FromSeconds(5);
        var (aside, busy) = (Sample.Instance("aside"), Sample.Instance("busy"));
        aside.Link.SetAside(now);
        busy.Link.Busy(TimeSpan.FromSeconds(1), now);
        Instance[] best =
        [
            Sample.Instance("heavy", weight: 3),
            Sample.Instance("a"),
            Sample.Instance("b"),
            Sample.Instance("loaded", load: 0.5),
            busy,
            aside,
            Sample.Instance("degraded", WorkerState.Degraded, weight: 3),
            Sample.Instance("draining", WorkerState.Draining),
            Sample.Instance("offline", WorkerState.Offline),
        ];
        var ranked = best.Reverse().Select(i => new RankedInstance(i, now)).ToArray();
        Array.Sort(ranked);
        Assert.Equal(
            ["heavy", "a", "b", "loaded"], ranked[..4].Select(r => r.Instance.Link.Id.Value));
        Assert.Equal(["aside", "busy"], ranked[4..6].Select(r => r.Instance.Link.Id.Value).Order());
        Assert.Equal(["degraded", "draining", "offline"], ranked[6..].Select(r => r.Instance.Link.Id.Value));
    }
}
