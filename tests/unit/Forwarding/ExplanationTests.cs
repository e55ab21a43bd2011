using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Routing;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class ExplanationTests
{
    private readonly FakeTimeProvider clock = new();

    public static TheoryData<string, string> Reasons => new()
    {
        { "offline", "offline" }, { "draining", "draining" }, { "degraded", "degraded" }, { "busy", "busy" },
        { "aside", "set-aside" }, { "unreachable", "unreachable" }, { "full", "at-limit" }, { "far", "other-zone" },
        { "slow", "costlier" }, { "equal", "by-chance" }, { "failed", "failed" },
    };

    [Theory]
    [MemberData(nameof(Reasons))]
    public void Each_other_worker_has_the_reason_it_was_passed_over_for(string id, string expected)
    {
        var chosen = Sample.Instance("chosen", zone: "a");
        var other = Sample.Instance(id, StateOf(id), zone: id == "far" ? "b" : "a", limit: id == "full" ? 1 : null);
        var now = clock.Elapsed();
        switch (id)
        {
            case "busy":
                other.Link.Busy(TimeSpan.FromSeconds(5), now);
                break;
            case "aside" or "failed":
                other.Link.SetAside(now);
                break;
            case "unreachable":
                other.Update(other.Info with { Unreachable = true });
                other.Link.Doubt(true, now);
                break;
            case "full":
                Assert.True(other.Link.TryEnter(1));
                break;
            case "slow":
                other.Link.Answered(1, now);
                break;
            default:
                break;
        }

        chosen.Link.TryEnter(null);
        var text = Explanation.Describe(
            Sample.Snapshot("a", [chosen, other]), chosen, id == "failed" ? [other.Link, chosen.Link] : [chosen.Link],
            repeatable: true, hasKey: false, now);
        Assert.StartsWith($"\"chosen\";chosen;score=10.0, \"{id}\";passed={expected};score=", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_is_a_reason()
    {
        var (chosen, other) = (Sample.Instance("chosen"), Sample.Instance("other"));
        var text = Explanation.Describe(
            Sample.Snapshot(chosen, other), chosen, [chosen.Link], repeatable: true, hasKey: true, clock.Elapsed());
        Assert.Contains("\"other\";passed=affinity", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_none_was_chosen_it_says_why_for_each()
    {
        var (tried, off) = (Sample.Instance("tried"), Sample.Instance("off", WorkerState.Offline));
        Assert.Equal(
            "\"tried\";passed=failed;score=10.0, \"off\";passed=offline;score=10.0",
            Explanation.Describe(
                Sample.Snapshot(tried, off), null, [tried.Link], repeatable: true, hasKey: false, clock.Elapsed()));
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(17, 1)]
    [InlineData(10_000, 9984)]
    public void It_names_no_more_than_sixteen_and_counts_the_others(int count, int more)
    {
        var instances = Enumerable.Range(0, count)
            .Select(i => Sample.Instance($"{new string('x', 120)}{i}")).ToList();
        var (chosen, tried) = (instances[^1], instances[^2]);
        var text = Explanation.Describe(
            Sample.Snapshot(instances), chosen, [tried.Link, chosen.Link], repeatable: true, hasKey: false, clock.Elapsed());
        Assert.Equal(more == 0, !text.Contains("more", StringComparison.Ordinal));
        Assert.True(more == 0 || text.EndsWith($", \"\";more={more}", StringComparison.Ordinal), text);
        Assert.Equal(16, text.Split(";score=").Length - 1);
        Assert.Contains($"\"{tried.Link.Id}\";passed=failed", text, StringComparison.Ordinal);
        Assert.InRange(text.Length, 1, 4000);
    }

    private static WorkerState StateOf(string id) => id switch
    {
        "offline" => WorkerState.Offline,
        "draining" => WorkerState.Draining,
        "degraded" => WorkerState.Degraded,
        _ => WorkerState.Online,
    };
}
