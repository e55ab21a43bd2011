using System.Data.Common;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Tests.Unit.Storage;

public sealed class GroupCommitTests : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    private readonly FakeTimeProvider _time = new();
    private readonly ManualBatches _batches = new();
    private readonly List<GroupCommit<int, string>> _loops = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _batches.CompleteAllFromNowOn();
        foreach (var loop in _loops)
        {
            await loop.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_call_while_idle_is_executed_at_once_and_alone()
    {
        var loop = Create();

        var call = loop.EnqueueAsync(7, Cancel);
        var batch = await _batches.NextAsync();

        Assert.Equal([7], batch.Items);
        batch.Complete();
        Assert.Equal("7", await call);
    }

    [Fact]
    public async Task Calls_during_a_batch_form_the_next_one_in_their_order()
    {
        var loop = Create();
        var first = loop.EnqueueAsync(0, Cancel);
        var running = await _batches.NextAsync();

        var calls = Enumerable.Range(1, 100).Select(i => loop.EnqueueAsync(i, Cancel)).ToArray();
        Assert.Equal(1, _batches.Started);
        running.Complete();
        var next = await _batches.NextAsync();
        next.Complete();

        Assert.Equal("0", await first);
        Assert.Equal(Enumerable.Range(1, 100), next.Items);
        Assert.Equal(Enumerable.Range(1, 100).Select(i => $"{i}"), await Task.WhenAll(calls));
        Assert.Equal(2, _batches.Started);
    }

    [Fact]
    public async Task A_batch_has_at_most_its_maximum()
    {
        var loop = Create(maxBatch: 3);
        var first = loop.EnqueueAsync(0, Cancel);
        var running = await _batches.NextAsync();
        var calls = Enumerable.Range(1, 7).Select(i => loop.EnqueueAsync(i, Cancel)).ToArray();

        running.Complete();
        foreach (int[] expected in (int[][])[[1, 2, 3], [4, 5, 6], [7]])
        {
            var batch = await _batches.NextAsync();
            Assert.Equal(expected, batch.Items);
            batch.Complete();
        }

        await Task.WhenAll([first, .. calls]);
    }

    [Fact]
    public async Task Items_of_one_call_stay_together_and_have_their_own_results()
    {
        var loop = Create(maxBatch: 4);
        var first = loop.EnqueueAsync(0, Cancel);
        var running = await _batches.NextAsync();
        Task<IReadOnlyList<string>>[] calls =
        [
            loop.EnqueueAllAsync([1, 2], Cancel),
            loop.EnqueueAllAsync([3], Cancel),
            loop.EnqueueAllAsync([4, 5], Cancel),
            // More than a batch holds has one of its own.
            loop.EnqueueAllAsync([6, 7, 8, 9, 10], Cancel),
            loop.EnqueueAllAsync([11, 12, 13, 14], Cancel),
        ];

        running.Complete();
        foreach (int[] expected in (int[][])[[1, 2, 3], [4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14]])
        {
            var batch = await _batches.NextAsync();
            Assert.Equal(expected, batch.Items);
            batch.Complete();
        }

        Assert.Equal("0", await first);
        string[][] results = [["1", "2"], ["3"], ["4", "5"], ["6", "7", "8", "9", "10"], ["11", "12", "13", "14"]];
        Assert.Equal(results, await Task.WhenAll(calls));
    }

    [Fact]
    public async Task A_failing_batch_fails_its_own_items_and_the_loop_goes_on()
    {
        var loop = Create(maxBatch: 2);
        var first = loop.EnqueueAsync(0, Cancel);
        var running = await _batches.NextAsync();
        Task<string>[] calls = [.. Enumerable.Range(1, 4).Select(i => loop.EnqueueAsync(i, Cancel))];

        running.Complete();
        (await _batches.NextAsync()).Fail(new BrokenDatabaseException("the cable is cut"));
        (await _batches.NextAsync()).Complete();

        Assert.Equal("0", await first);
        foreach (var call in calls[..2])
        {
            var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => call);
            Assert.IsType<BrokenDatabaseException>(e.InnerException);
            Assert.Contains("the cable is cut", e.Message, StringComparison.Ordinal);
        }

        Assert.Equal(["3", "4"], await Task.WhenAll(calls[2..]));
    }

    [Theory]
    [InlineData(typeof(TimeoutException))]
    [InlineData(typeof(OperationCanceledException))]
    [InlineData(typeof(IOException))]
    public async Task A_batch_that_ran_out_of_time_or_lost_its_connection_is_unavailability(Type type)
    {
        var call = Create().EnqueueAsync(1, Cancel);

        (await _batches.NextAsync()).Fail((Exception)Activator.CreateInstance(type)!);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => call);
    }

    [Fact]
    public async Task A_mistake_in_the_program_is_not_passed_off_as_unavailability()
    {
        var loop = Create();
        var call = loop.EnqueueAsync(1, Cancel);
        (await _batches.NextAsync()).Fail(new InvalidOperationException("mistake"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => call);

        var next = loop.EnqueueAsync(2, Cancel);
        (await _batches.NextAsync()).Complete([]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => next);
    }

    [Fact]
    public async Task A_call_above_the_capacity_fails_at_once_and_the_others_do_not()
    {
        var loop = Create(capacity: 2);
        var first = loop.EnqueueAsync(0, Cancel);
        var running = await _batches.NextAsync();
        var second = loop.EnqueueAsync(1, Cancel);
        var third = loop.EnqueueAsync(2, Cancel);

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => loop.EnqueueAsync(3, Cancel));

        Assert.True(e.NotBegun);
        Assert.Contains("Too many calls", e.Message, StringComparison.Ordinal);
        running.Complete();
        (await _batches.NextAsync()).Complete();
        Assert.Equal(["0", "1", "2"], await Task.WhenAll(first, second, third));
    }

    [Fact]
    public async Task A_call_ends_when_its_time_is_up_wherever_its_item_is()
    {
        var loop = Create();
        var running = loop.EnqueueAsync(1, Cancel);
        var batch = await _batches.NextAsync();
        _time.Advance(Timeout / 2);
        var queued = loop.EnqueueAsync(2, Cancel);

        _time.Advance(Timeout / 2);
        Assert.False((await Assert.ThrowsAsync<StoreUnavailableException>(() => running)).NotBegun);
        Assert.False(queued.IsCompleted);
        _time.Advance(Timeout / 2);
        Assert.True((await Assert.ThrowsAsync<StoreUnavailableException>(() => queued)).NotBegun);

        var last = loop.EnqueueAsync(3, Cancel);
        batch.Complete();
        var next = await _batches.NextAsync();
        Assert.Equal([3], next.Items);
        next.Complete();
        Assert.Equal("3", await last);
    }

    [Fact]
    public async Task A_caller_that_gives_up_takes_its_queued_item_with_it()
    {
        var loop = Create();
        var first = loop.EnqueueAsync(1, Cancel);
        var running = await _batches.NextAsync();
        using var giveUp = new CancellationTokenSource();
        var second = loop.EnqueueAsync(2, giveUp.Token);
        var third = loop.EnqueueAsync(3, Cancel);

        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop.EnqueueAsync(4, giveUp.Token));
        running.Complete();
        var next = await _batches.NextAsync();

        Assert.Equal([3], next.Items);
        next.Complete();
        Assert.Equal(["1", "3"], await Task.WhenAll(first, third));
    }

    [Fact]
    public async Task Closing_finishes_the_batch_that_runs_and_fails_what_is_queued_and_what_comes()
    {
        var loop = Create();
        var first = loop.EnqueueAsync(1, Cancel);
        var running = await _batches.NextAsync();
        var queued = loop.EnqueueAsync(2, Cancel);

        var closing = loop.DisposeAsync().AsTask();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => loop.EnqueueAsync(3, Cancel));
        Assert.False(closing.IsCompleted);
        running.Complete();

        Assert.Equal("1", await first);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => queued);
        await closing;
        await loop.DisposeAsync();
        Assert.Equal(1, _batches.Started);
    }

    private GroupCommit<int, string> Create(int maxBatch = 512, int capacity = 1000)
    {
        var loop = new GroupCommit<int, string>(_batches.ExecuteAsync, Timeout, _time, maxBatch, capacity);
        _loops.Add(loop);
        return loop;
    }

    private sealed class BrokenDatabaseException(string message) : DbException(message);
}
