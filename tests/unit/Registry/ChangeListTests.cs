using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Tests.Unit.Registry;

public sealed class ChangeListTests
{
    private readonly ChangeList changes = new(removalsRemembered: 2);
    private long version;

    [Fact]
    public void An_empty_list_has_no_changes() => Assert.Equal([], Since(0));

    [Fact]
    public void Changes_come_oldest_first_and_each_instance_once()
    {
        var (a, b, c) = (Touch("a"), Touch("b"), Touch("c"));

        Assert.Equal(["a", "b", "c"], Since(0));
        Touch(a);
        Assert.Equal(["b", "c", "a"], Since(0));
        Touch(c);
        Assert.Equal(["b", "a", "c"], Since(0));
        Touch(c);
        Assert.Equal(["b", "a", "c"], Since(0));
        Touch(b);
        Assert.Equal(["a", "c", "b"], Since(0));
    }

    [Fact]
    public void Only_what_changed_after_the_version_is_told()
    {
        var a = Touch("a");
        Touch("b");
        Touch("c");
        Touch(a);

        Assert.Equal(["c", "a"], Since(2));
        Assert.Equal(["a"], Since(3));
        Assert.Equal([], Since(4));
    }

    [Fact]
    public void The_only_instance_may_change_again()
    {
        var a = Touch("a");
        Touch(a);

        Assert.Equal(["a"], Since(1));
        Touch("b");
        Assert.Equal(["a", "b"], Since(1));
    }

    [Fact]
    public void The_oldest_removal_is_dropped_when_too_many_follow()
    {
        var (a, b, c, d) = (Touch("a"), Touch("b"), Touch("c"), Touch("d"));

        Assert.Null(Remove(b));
        Assert.Null(Remove(a));
        Assert.Equal(0, changes.CompleteSince);
        var versionOfB = b.Version;
        Assert.Same(b, Remove(d));

        Assert.Equal(["c", "a", "d"], Since(0));
        Assert.Equal(versionOfB, changes.CompleteSince);
        Assert.Same(a, Remove(c));
        Assert.Equal(["d", "c"], Since(0));
        Assert.Equal(a.Version, changes.CompleteSince);
    }

    private Instance Touch(string id) =>
        Touch(new Instance(WorkerId.Parse(id)) { Registration = Sample.Record(id).Registration });

    private Instance Touch(Instance instance)
    {
        instance.Version = ++version;
        changes.Touch(instance);
        return instance;
    }

    private Instance? Remove(Instance instance) => changes.Remember(Touch(instance));

    private IEnumerable<string> Since(long known) => changes.Since(known).Select(i => i.Id.Value);
}
