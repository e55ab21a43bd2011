using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Forwarding;

namespace WorkerMesh.Tests.Unit.Forwarding;

/// <summary>Time limits of 2 s to connect, 10 s to the first byte, 3 s between bytes.</summary>
public sealed class ProgressWatchTests
{
    private readonly FakeTimeProvider clock = new();

    [Fact]
    public void Without_a_body_the_answer_has_the_first_byte_limit_to_begin()
    {
        using var watch = NewWatch(hasBody: false);
        Advance(9.9);
        Assert.False(watch.Expired.IsCancellationRequested);
        Advance(0.2);
        Assert.True(watch.Expired.IsCancellationRequested);
        Assert.False(watch.ClientPaused);
    }

    [Fact]
    public void An_upload_that_goes_on_may_take_longer_than_every_limit()
    {
        using var watch = NewWatch(hasBody: true);
        for (var i = 0; i < 50; i++)
        {
            Advance(2.9);
            watch.OnProgress();
        }

        // From its end the worker has the whole first-byte limit.
        watch.OnRequestEnded();
        Advance(9.9);
        Assert.False(watch.Expired.IsCancellationRequested);
        Advance(0.2);
        Assert.True(watch.Expired.IsCancellationRequested);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_pause_in_the_upload_is_the_fault_of_whoever_is_waited_for(bool client)
    {
        using var watch = NewWatch(hasBody: true);
        watch.OnReadingClient(begins: true);
        watch.OnProgress();
        watch.OnReadingClient(begins: client);
        Advance(3.1);
        Assert.True(watch.Expired.IsCancellationRequested);
        Assert.Equal(client, watch.ClientPaused);
    }

    [Fact]
    public void After_the_answer_began_each_pause_has_the_limit_between_bytes()
    {
        using var watch = NewWatch(hasBody: false);
        Advance(9);
        watch.OnAnswerBegan();
        for (var i = 0; i < 10; i++)
        {
            Advance(2.9);
            watch.OnProgress();
        }

        Assert.False(watch.Expired.IsCancellationRequested);
        Advance(3.1);
        Assert.True(watch.Expired.IsCancellationRequested);
    }

    [Fact]
    public void An_answer_that_begins_before_the_upload_ends_is_under_the_limit_between_bytes()
    {
        using var watch = NewWatch(hasBody: true);
        watch.OnAnswerBegan();
        watch.OnRequestEnded();
        Advance(3.1);
        Assert.True(watch.Expired.IsCancellationRequested);
    }

    [Fact]
    public void While_it_connects_no_limit_of_the_others_runs()
    {
        using var watch = NewWatch(hasBody: false);
        watch.OnConnecting(begins: true);
        Advance(60);
        Assert.False(watch.Expired.IsCancellationRequested);
        watch.OnConnecting(begins: false);
        Advance(9.9);
        Assert.False(watch.Expired.IsCancellationRequested);
        Advance(0.2);
        Assert.True(watch.Expired.IsCancellationRequested);
    }

    [Fact]
    public void What_it_hears_after_the_attempt_changes_nothing()
    {
        var watch = NewWatch(hasBody: false);
        watch.Dispose();
        watch.OnConnecting(begins: false);
        watch.OnAnswerBegan();
        Advance(60);
    }

    private ProgressWatch NewWatch(bool hasBody) => new(
        new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(3)), hasBody, clock);

    private void Advance(double seconds) => clock.Advance(TimeSpan.FromSeconds(seconds));
}
