using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>What a registry makes of workers that some gateway can't connect to.</summary>
public sealed class UnreachableTests
{
    private static readonly TimeSpan For = TimeSpan.FromSeconds(10);

    private readonly TableFixture fixture = new();

    public UnreachableTests() => fixture.Join("a");

    private bool IsUnreachable => fixture.Find("a")!.Unreachable;

    [Fact]
    public void It_is_announced_once_and_again_when_it_is_over()
    {
        Assert.Equal(1, fixture.Changes(() => Renew(For)));
        Assert.True(IsUnreachable);
        Assert.Equal(WorkerState.Online, fixture.StateOf("a"));
        Assert.Equal(0, fixture.Changes(() => Renew(For)));
        Assert.Equal(1, fixture.Changes(() => Renew(TimeSpan.Zero)));
        Assert.False(IsUnreachable);
    }

    [Fact]
    public void It_expires_by_itself_at_its_time()
    {
        Renew(For);
        Assert.Equal(fixture.Now + For, fixture.Table.NextDeadline);
        Assert.Equal(0, fixture.Changes(() => fixture.ExpireAfter(For - TimeSpan.FromMilliseconds(1))));
        Assert.True(IsUnreachable);
        Assert.Equal(1, fixture.Changes(() => fixture.ExpireAfter(TimeSpan.FromMilliseconds(1))));
        Assert.False(IsUnreachable);
    }

    [Fact]
    public void What_is_renewed_expires_later()
    {
        Renew(For);
        fixture.Now += For / 2;
        Renew(For);
        fixture.ExpireAfter(For * 0.75);
        Assert.True(IsUnreachable);
        fixture.ExpireAfter(For * 0.25);
        Assert.False(IsUnreachable);
    }

    [Fact]
    public void A_worker_that_joins_brings_it_along_and_a_new_incarnation_does_not()
    {
        var joining = Sample.Joining(Sample.Record("b"));
        fixture.Table.Join(joining with { Renewal = joining.Renewal with { UnreachableFor = For } }, fixture.Now);
        Assert.True(fixture.Find("b")!.Unreachable);
        fixture.Join("b", incarnation: 2);
        Assert.False(fixture.Find("b")!.Unreachable);
    }

    private void Renew(TimeSpan unreachableFor) =>
        fixture.Table.Renew(Sample.Renewal("a") with { UnreachableFor = unreachableFor }, fixture.Now);
}
