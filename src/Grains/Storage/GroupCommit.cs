using System.Threading.Channels;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// Turns concurrent calls into batches: one loop takes what is queued and executes it at once, so that many callers
/// share one round trip and one commit. It never waits for a batch to fill: a batch is what queued up while the one
/// before ran.
/// </summary>
/// <remarks>
/// Items are executed in the order of the calls, those of one call together. A batch that fails fails its own calls only. A
/// call ends when its time is up, wherever its items are: those still queued then are not executed any more, of those that
/// are being executed the outcome is unknown.
/// Where executing blocks, a thread of its own does it. That thread also runs a caller that had a batch for itself, while
/// nothing else waits: to wake another one for it takes longer than most of what callers do then.
/// </remarks>
internal sealed class GroupCommit<TItem, TResult> : IAsyncDisposable
{
    private const string Closed = "The store is closed.";

    private readonly Channel<Call> _queue;
    private readonly Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> _execute;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly int _maxBatch;
    private readonly AutoResetEvent? _woken;
    private readonly Task _loop;
    private volatile bool _closed;

    /// <param name="execute">
    /// Executes a batch and gives as many results, in order. Must end by itself; batches never overlap.
    /// </param>
    /// <param name="timeout">How long a call may take, queue included.</param>
    /// <param name="time">The clock of the time-out.</param>
    /// <param name="maxBatch">The most items in a batch, 1 or more; a call with more has one of its own.</param>
    /// <param name="capacity">The most calls that wait; one above it fails at once.</param>
    /// <param name="blocks">
    /// Whether executing blocks. What comes after a call must block nowhere then, unless it leaves the thread.
    /// </param>
    public GroupCommit(
        Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> execute,
        TimeSpan timeout,
        TimeProvider time,
        int maxBatch = 512,
        int capacity = 8192,
        bool blocks = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _execute = execute;
        _timeout = timeout;
        _time = time;
        _maxBatch = maxBatch;
        _queue = Channel.CreateBounded<Call>(new BoundedChannelOptions(capacity)
        {
            SingleReader = true,
            AllowSynchronousContinuations = blocks,
        });
        _woken = blocks ? new(false) : null;
        _loop = blocks ? RunOnOwnThread() : Task.Run(RunAsync);
    }

    /// <summary>Queues an item and waits for its result.</summary>
    /// <exception cref="StoreUnavailableException">
    /// The queue is full, the time is up, the database failed, or this is closed.
    /// </exception>
    public async Task<TResult> EnqueueAsync(TItem item, CancellationToken cancellationToken) =>
        (await EnqueueAllAsync([item], cancellationToken))[0];

    /// <summary>Queues items and waits for their results, which come in the same order.</summary>
    /// <exception cref="StoreUnavailableException">As of <see cref="EnqueueAsync"/>, of all of them.</exception>
    public async Task<IReadOnlyList<TResult>> EnqueueAllAsync(IReadOnlyList<TItem> items, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var call = new Call(items);
        if (!_queue.Writer.TryWrite(call))
        {
            throw _closed
                ? new StoreUnavailableException(Closed)
                : new StoreUnavailableException("Too many calls wait for the database.") { NotBegun = true };
        }

        try
        {
            return await call.Task.WaitAsync(_timeout, _time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw StoreErrors.NotInTime(_timeout, notBegun: call.TryClaim(), e);
        }
        catch (OperationCanceledException)
        {
            call.TryClaim();
            throw;
        }
    }

    /// <summary>Lets the batch that runs finish and fails what is queued.</summary>
    public async ValueTask DisposeAsync()
    {
        _closed = true;
        _queue.Writer.TryComplete();
        await _loop;
        _woken?.Dispose();
        while (_queue.Reader.TryRead(out var call))
        {
            call.Fail(new StoreUnavailableException(Closed));
        }
    }

    private Task RunOnOwnThread()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            // Nothing in it is waited for but by blocking: it ends on the thread that it began on.
            RunAsync().GetAwaiter().GetResult();
            ended.SetResult();
        })
        {
            IsBackground = true,
            Name = "Mesh store",
        };
        thread.UnsafeStart();
        return ended.Task;
    }

    private Task<bool> WaitAsync()
    {
        var waiting = _queue.Reader.WaitToReadAsync().AsTask();
        if (_woken is not null && !waiting.IsCompleted)
        {
            waiting.GetAwaiter().UnsafeOnCompleted(() => _woken.Set());
            _woken.WaitOne();
        }

        return waiting;
    }

    private async Task RunAsync()
    {
        var batch = new List<Call>();
        while (await WaitAsync() && !_closed)
        {
            for (var size = 0; _queue.Reader.TryPeek(out var call) && (size == 0 || size + call.Items.Count <= _maxBatch);)
            {
                _queue.Reader.TryRead(out _);
                if (call.TryClaim())
                {
                    batch.Add(call);
                    size += call.Items.Count;
                }
            }

            if (batch.Count > 0)
            {
                await ExecuteAsync(batch);
                batch.Clear();
            }
        }
    }

    private async Task ExecuteAsync(List<Call> batch)
    {
        try
        {
            var items = batch.Count == 1 ? batch[0].Items : [.. batch.SelectMany(call => call.Items)];
            var results = await _execute(items);
            if (results.Count != items.Count)
            {
                throw new InvalidOperationException($"{results.Count} results for a batch of {items.Count}.");
            }

            if (_woken is not null && batch.Count == 1 && _queue.Reader.Count == 0)
            {
                batch[0].Complete(results);
                return;
            }

            var first = 0;
            foreach (var call in batch)
            {
                call.CompleteElsewhere(batch.Count == 1 ? results : [.. results.Skip(first).Take(call.Items.Count)]);
                first += call.Items.Count;
            }
        }
        // Whatever it is belongs to the callers; the loop has to outlive it.
        catch (Exception e)
        {
            var failure = StoreErrors.IsUnavailability(e) ? StoreErrors.Unavailable(e) : e;
            batch.ForEach(call => call.Fail(failure));
        }
    }

    private sealed class Call(IReadOnlyList<TItem> items)
    {
        private readonly TaskCompletionSource<IReadOnlyList<TResult>> _results = new();

        private int _claimed;

        public IReadOnlyList<TItem> Items => items;

        public Task<IReadOnlyList<TResult>> Task => _results.Task;

        /// <summary>Decides between the loop, which executes the items, and the caller, who withdraws them.</summary>
        public bool TryClaim() => Interlocked.Exchange(ref _claimed, 1) == 0;

        /// <summary>The caller goes on in this thread.</summary>
        public void Complete(IReadOnlyList<TResult> results) => _results.TrySetResult(results);

        /// <summary>The caller does not go on in this thread: one that blocks would hold up all others.</summary>
        public void CompleteElsewhere(IReadOnlyList<TResult> results) =>
            ThreadPool.UnsafeQueueUserWorkItem(
                static done => done.Call.Complete(done.Results), (Call: this, Results: results), preferLocal: true);

        public void Fail(Exception reason) => ThreadPool.UnsafeQueueUserWorkItem(
            static failed =>
            {
                failed.Call._results.TrySetException(failed.Reason);
                // Its caller may have gone: then nobody else would look at the exception.
                _ = failed.Call._results.Task.Exception;
            },
            (Call: this, Reason: reason),
            preferLocal: true);
    }
}
