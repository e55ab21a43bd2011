using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

public sealed class ChangesSinceTests
{
    private readonly TableFixture t = new(new() { RemovalsRemembered = 2 });

    [Fact]
    public void A_watcher_without_a_version_gets_the_whole_list()
    {
        t.Join("a");
        t.Join("b");
        t.Leave("b");

        var all = t.All();

        Assert.True(all.IsFull);
        Assert.Equal((t.Version, TableFixture.Epoch), (all.To, all.Epoch));
        Assert.Equal("a", Assert.Single(all.Changes).Id.Value);
    }

    [Fact]
    public void A_watcher_that_is_up_to_date_gets_nothing()
    {
        t.Join("a");

        var changes = t.Since(t.Version);

        Assert.Equal((t.Version, t.Version), (changes.From, changes.To));
        Assert.Empty(changes.Changes);
    }

    [Fact]
    public void A_watcher_of_an_older_version_gets_the_difference_oldest_first()
    {
        t.Join("a");
        t.Join("b");
        var known = t.Version;
        t.Join("c");
        t.Renew("a", degraded: true);
        t.Leave("b");

        var changes = t.Since(known);

        Assert.Equal((known, t.Version), (changes.From, changes.To));
        Assert.Equal(["c", "a", "b"], changes.Changes.Select(c => c.Id.Value));
        Assert.Equal([false, false, true], changes.Changes.Select(c => c.Removed));
        Assert.Equal([t.Version - 2, t.Version - 1, t.Version], changes.Changes.Select(c => c.Version));
    }

    [Fact]
    public void A_registration_is_sent_only_to_those_who_lack_it()
    {
        var beforeA = t.Version;
        t.Join("a");
        var afterA = t.Version;
        t.Renew("a", degraded: true);

        Assert.NotNull(Assert.Single(t.Since(beforeA).Changes).Registration);
        Assert.Null(Assert.Single(t.Since(afterA).Changes).Registration);
        t.Join("a", incarnation: 2, load: 1);
        Assert.NotNull(Assert.Single(t.Since(afterA).Changes).Registration);
        t.Leave("a", incarnation: 2);
        Assert.Null(Assert.Single(t.Since(afterA).Changes).Registration);
    }

    [Theory]
    [InlineData(TableFixture.Epoch + 1, 0)]
    [InlineData(TableFixture.Epoch, 1)]
    public void A_version_of_another_activation_or_of_the_future_gets_the_whole_list(long epoch, int ahead)
    {
        t.Join("a");
        t.Join("b");

        var changes = t.Since(t.Version + ahead, epoch);

        Assert.True(changes.IsFull);
        Assert.Equal(2, changes.Changes.Length);
    }

    [Fact]
    public void A_version_from_before_a_removal_that_is_no_longer_remembered_gets_the_whole_list()
    {
        t.JoinMany(4);
        var known = t.Version;
        t.Leave(Sample.Name(0));
        var afterTheFirst = t.Version;
        t.Leave(Sample.Name(1));
        Assert.False(t.Since(known).IsFull);

        t.Leave(Sample.Name(2));

        Assert.True(t.Since(known).IsFull);
        Assert.False(t.Since(afterTheFirst).IsFull);
        Assert.Equal(2, t.Since(afterTheFirst).Changes.Length);
    }

    [Fact]
    public void A_worker_that_left_and_came_back_is_told_as_both()
    {
        t.Join("a");
        var known = t.Version;
        t.Leave("a");
        t.Join("a", incarnation: 2);

        var changes = t.Since(known).Changes;

        Assert.Equal([true, false], changes.Select(c => c.Removed));
        Assert.Equal((2L, WorkerState.Online), (changes[1].Incarnation, changes[1].State));
        Assert.NotNull(changes[1].Registration);
    }
}
