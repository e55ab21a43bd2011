using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Tests.Unit.Storage;

/// <summary>The thread of a group commit that blocks.</summary>
public sealed class GroupCommitThreadTests : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _mayExecute = new(0);
    private readonly List<(int ThreadId, bool IsOfPool, int[] Items)> _batches = [];
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly GroupCommit<int, int> _loop;

    public GroupCommitThreadTests() => _loop = new(Execute, Timeout, TimeProvider.System, blocks: true);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _mayExecute.Release(1000);
        await _loop.DisposeAsync();
        _mayExecute.Dispose();
    }

    [Fact]
    public async Task All_is_executed_on_one_thread_that_is_not_the_pools()
    {
        _mayExecute.Release(3);
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal(-i, await _loop.EnqueueAsync(i, Cancel));
        }

        Assert.Equal([(false, 1), (false, 2), (false, 3)], _batches.Select(b => (b.IsOfPool, b.Items.Single())));
        Assert.Single(_batches.Select(b => b.ThreadId).Distinct());
    }

    [Fact]
    public async Task Who_was_alone_goes_on_in_that_thread()
    {
        // Waits before it is executed, and in no context that would have it go on elsewhere.
        var (call, _) = await Task.Run(() => (Ask(), 0), Cancel);
        await _begun.Task;
        _mayExecute.Release();

        Assert.Equal(_batches.Single().ThreadId, await call);

        async Task<int> Ask()
        {
            await _loop.EnqueueAsync(1, Cancel);
            return Environment.CurrentManagedThreadId;
        }
    }

    [Fact]
    public async Task Those_of_a_group_go_on_elsewhere_and_may_block()
    {
        using var release = new ManualResetEventSlim();
        var first = _loop.EnqueueAsync(0, Cancel);
        await _begun.Task;
        var (calls, _) = await Task.Run(() => (Enumerable.Range(1, 3).Select(Block).ToArray(), 0), Cancel);

        _mayExecute.Release(3);
        try
        {
            Assert.Equal(0, await first);
            Assert.Equal(-4, await _loop.EnqueueAsync(4, Cancel));
            Assert.All(calls, call => Assert.False(call.IsCompleted));
        }
        finally
        {
            release.Set();
        }

        Assert.All(await Task.WhenAll(calls), Assert.True);

        async Task<bool> Block(int item)
        {
            await _loop.EnqueueAsync(item, Cancel);
            release.Wait(Cancel);
            return Environment.CurrentManagedThreadId != _batches[0].ThreadId;
        }
    }

    [Fact]
    public async Task Those_who_fail_go_on_elsewhere()
    {
        var failing = new GroupCommit<int, int>(Fail, Timeout, TimeProvider.System, blocks: true);
        await using (failing)
        {
            using var release = new ManualResetEventSlim();
            var (first, _) = await Task.Run(() => (Block(), 0), Cancel);
            _mayExecute.Release(2);
            try
            {
                var second = await Assert.ThrowsAsync<StoreUnavailableException>(() => failing.EnqueueAsync(2, Cancel));
                Assert.IsType<IOException>(second.InnerException);
            }
            finally
            {
                release.Set();
            }

            await first;

            async Task Block()
            {
                await Assert.ThrowsAsync<StoreUnavailableException>(() => failing.EnqueueAsync(1, Cancel));
                release.Wait(Cancel);
            }
        }

        Task<IReadOnlyList<int>> Fail(IReadOnlyList<int> items)
        {
            _mayExecute.Wait();
            throw new IOException("full");
        }
    }

    private Task<IReadOnlyList<int>> Execute(IReadOnlyList<int> items)
    {
        _batches.Add((Environment.CurrentManagedThreadId, Thread.CurrentThread.IsThreadPoolThread, [.. items]));
        _begun.TrySetResult();
        _mayExecute.Wait();
        return Task.FromResult<IReadOnlyList<int>>([.. items.Select(i => -i)]);
    }
}
