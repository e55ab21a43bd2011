using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;

namespace WorkerMesh.Tests.Unit.Storage;

/// <summary>A database whose batches last until the test ends them.</summary>
internal sealed class ManualBatches
{
    private readonly Channel<Batch> _started = Channel.CreateUnbounded<Batch>();
    private readonly ConcurrentBag<Batch> _all = [];
    private int _count;
    private volatile bool _completeAll;

    public int Started => Volatile.Read(ref _count);

    public Task<IReadOnlyList<string>> ExecuteAsync(IReadOnlyList<int> items)
    {
        var batch = new Batch([.. items]);
        Interlocked.Increment(ref _count);
        _all.Add(batch);
        _started.Writer.TryWrite(batch);
        if (_completeAll)
        {
            batch.Complete();
        }

        return batch.Results;
    }

    public ValueTask<Batch> NextAsync() => _started.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public void CompleteAllFromNowOn()
    {
        _completeAll = true;
        // Also those that a test which failed has left running.
        foreach (var batch in _all)
        {
            batch.Complete();
        }
    }

    internal sealed class Batch(int[] items)
    {
        private readonly TaskCompletionSource<IReadOnlyList<string>> _results =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int[] Items => items;

        public Task<IReadOnlyList<string>> Results => _results.Task;

        public void Complete() => Complete([.. items.Select(item => item.ToString(CultureInfo.InvariantCulture))]);

        public void Complete(IReadOnlyList<string> results) => _results.TrySetResult(results);

        public void Fail(Exception reason) => _results.TrySetException(reason);
    }
}
