using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>What of what waits for a silo goes in which message.</summary>
public sealed class SiloLaneTests
{
    private readonly Channel<Message> messages = Channel.CreateUnbounded<Message>();
    private readonly SiloLane<int, int> lane;

    public SiloLaneTests() => lane = new(
        items =>
        {
            var message = new Message(items);
            messages.Writer.TryWrite(message);
            return message.Answer.Task;
        },
        mostInOne: 1000,
        new FakeTimeProvider());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Beside_a_message_another_begins_once_as_many_wait_and_behind_it_at_once()
    {
        var (first, second) = (await Send(1), await Send(2));
        Assert.Null(await Send(3, 4, 5, 6));
        var third = await Answer(first);
        Assert.Equal([3, 4, 5, 6], third?.Items);

        Assert.Null(await Send(7, 8, 9));
        Assert.Null(await Answer(second));
        var fourth = await Send(10);
        Assert.Equal([7, 8, 9, 10], fourth?.Items);

        Assert.Null(await Send(11, 12));
        Assert.Null(await Answer(third));
        Assert.Equal([11, 12], (await Answer(fourth))?.Items);
    }

    [Fact]
    public async Task Enough_wait_for_no_more_however_large_the_message_on_its_way_is()
    {
        var (first, second) = (await Send(1), await Send(2));
        int[] many = [.. Enumerable.Range(3, SiloLane.Enough + 10)];
        Assert.Null(await Send(many));
        Assert.Equal(many, (await Answer(first))?.Items);
        Assert.Null(await Answer(second));

        int[] enough = [.. Enumerable.Range(100, SiloLane.Enough)];
        Assert.Null(await Send(enough[1..]));
        Assert.Equal([.. enough[1..], enough[0]], (await Send(enough[0]))?.Items);
    }

    private Task<Message?> Send(params int[] items) => Begun(() => Array.ForEach(items, item => _ = lane.Send(item)));

    private Task<Message?> Answer(Message? message) => Begun(() => message!.Answer.SetResult(message.Items));

    /// <summary>
    /// The message that this has made the lane send, if it has. In a thread of the pool, where nothing is posted elsewhere
    /// and what waits goes on before this returns.
    /// </summary>
    private async Task<Message?> Begun(Action action)
    {
        await Task.Run(action, Token);
        return messages.Reader.TryRead(out var message) ? message : null;
    }

    private sealed record Message(IReadOnlyList<int> Items)
    {
        public TaskCompletionSource<IReadOnlyList<int>> Answer { get; } = new();
    }
}
