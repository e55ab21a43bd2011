using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Tests.Unit.Routing;

namespace WorkerMesh.Tests.Unit.Api;

/// <summary>Which find answers are shared, and for how long.</summary>
public sealed class ListingsTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(25);
    private readonly FakeTimeProvider clock = new();
    private readonly Route route;
    private readonly Listings listings;
    private long version = 1;

    public ListingsTests()
    {
        route = Sample.Route(new(), clock);
        route.Apply(Sample.Changes(0, 1, Sample.Joined("a", 1)), isAnswer: true);
        listings = new(clock);
    }

    [Fact]
    public void Where_nothing_is_forwarded_an_answer_is_shared_for_a_second()
    {
        var first = Of();
        clock.Advance(TimeSpan.FromSeconds(0.9));
        Assert.Same(first, Of());
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.NotSame(first, Of());
    }

    [Fact]
    public void Where_requests_come_and_go_it_is_shared_for_a_moment_only()
    {
        var first = Of();
        route.Stats.Started();
        Assert.Same(first, Of());
        clock.Advance(Moment);
        var second = Of();
        Assert.NotSame(first, second);

        route.Stats.Ended(ForwardOutcome.Answered, 1);
        clock.Advance(Moment);
        Assert.NotSame(second, Of());
    }

    [Fact]
    public void What_the_registry_says_shows_at_once()
    {
        var first = Of();
        route.Apply(Sample.Changes(1, 2, Sample.Joined("b", 2)), isAnswer: false);
        Assert.NotSame(first, Of());
    }

    [Fact]
    public async Task What_is_made_next_is_written_over_it_only_when_every_client_has_it()
    {
        var slow = new SlowBody();
        var first = Of();
        var written = first.ExecuteAsync(slow.Context);
        var shared = Of();
        Assert.Same(first, shared);
        await shared.ExecuteAsync(new DefaultHttpContext());
        var before = slow.Received.ToArray();

        var second = await NextAsync();
        Assert.Equal(before, slow.Received.ToArray());
        slow.Finish();
        await written;

        await NextAsync();
        Assert.Equal(before, slow.Received.ToArray());
        await NextAsync();
        Assert.True(MemoryMarshal.TryGetArray(second, out var room));
        Assert.True(MemoryMarshal.TryGetArray(await NextAsync(), out var again));
        Assert.Same(room.Array, again.Array);
        Assert.NotEqual(before, again.ToArray());
    }

    /// <summary>What a client gets after something has changed.</summary>
    private async Task<ReadOnlyMemory<byte>> NextAsync()
    {
        version++;
        route.Apply(Sample.Changes(version - 1, version, Sample.Joined("a", version)), isAnswer: false);
        var body = new SlowBody();
        var written = Of().ExecuteAsync(body.Context);
        body.Finish();
        await written;
        return body.Received;
    }

    private IResult Of() => listings.Of(route, InstanceFilter.None);

    /// <summary>Keeps hold of what is written to it, whose writer waits until it may finish.</summary>
    private sealed class SlowBody : MemoryStream
    {
        private readonly TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SlowBody() => Context = new DefaultHttpContext { Response = { Body = this } };

        public HttpContext Context { get; }

        public ReadOnlyMemory<byte> Received { get; private set; }

        public void Finish() => finished.SetResult();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Received = buffer;
            return new(finished.Task);
        }
    }
}
