using System.Threading.Channels;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// Turns concurrent calls into batches: one loop takes what is queued and executes it at once, so that many callers
/// share one round trip and one commit. It never waits for a batch to fill: a batch is what queued up while the one
/// before ran.
/// </summary>
/// <remarks>
/// Items are executed in the order of the calls. A batch that fails fails its own items only. A call ends when its time
/// is up, wherever its item is: one that is still queued then is not executed any more, of one that is being executed
/// the outcome is unknown.
/// </remarks>
internal sealed class GroupCommit<TItem, TResult> : IAsyncDisposable
{
    private const string Closed = "The store is closed.";

    private readonly Channel<Call> _queue;
    private readonly Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> _execute;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly int _maxBatch;
    private readonly Task _loop;
    private volatile bool _closed;

    /// <param name="execute">
    /// Executes a batch and gives as many results, in order. Must end by itself; batches never overlap.
    /// </param>
    /// <param name="timeout">How long a call may take, queue included.</param>
    /// <param name="time">The clock of the time-out.</param>
    /// <param name="maxBatch">The most items in a batch, 1 or more.</param>
    /// <param name="capacity">The most items that wait; a call above it fails at once.</param>
    public GroupCommit(
        Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> execute,
        TimeSpan timeout,
        TimeProvider time,
        int maxBatch = 512,
        int capacity = 8192)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _execute = execute;
        _timeout = timeout;
        _time = time;
        _maxBatch = maxBatch;
        _queue = Channel.CreateBounded<Call>(new BoundedChannelOptions(capacity) { SingleReader = true });
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Queues an item and waits for its result.</summary>
    /// <exception cref="StoreUnavailableException">
    /// The queue is full, the time is up, the database failed, or this is closed.
    /// </exception>
    public async Task<TResult> EnqueueAsync(TItem item, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var call = new Call(item);
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
            var notBegun = call.TryClaim();
            var what = notBegun ? "was too busy to take the call" : "did not answer";
            throw new StoreUnavailableException($"The database {what} within {_timeout.TotalSeconds:0.#} s.", e)
            {
                NotBegun = notBegun,
            };
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
        while (_queue.Reader.TryRead(out var call))
        {
            call.Fail(new StoreUnavailableException(Closed));
        }
    }

    private async Task RunAsync()
    {
        var batch = new List<Call>();
        while (await _queue.Reader.WaitToReadAsync() && !_closed)
        {
            while (batch.Count < _maxBatch && _queue.Reader.TryRead(out var call))
            {
                if (call.TryClaim())
                {
                    batch.Add(call);
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
            var results = await _execute(batch.ConvertAll(call => call.Item));
            if (results.Count != batch.Count)
            {
                throw new InvalidOperationException($"{results.Count} results for a batch of {batch.Count}.");
            }

            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].Complete(results[i]);
            }
        }
        // Whatever it is belongs to the callers; the loop has to outlive it.
        catch (Exception e)
        {
            var failure = StoreErrors.IsUnavailability(e) ? StoreErrors.Unavailable(e) : e;
            batch.ForEach(call => call.Fail(failure));
        }
    }

    private sealed class Call(TItem item)
    {
        // Callers must not run on the loop: one that blocks would hold up all others.
        private readonly TaskCompletionSource<TResult> _result =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        private int _claimed;

        public TItem Item => item;

        public Task<TResult> Task => _result.Task;

        /// <summary>Decides between the loop, which executes the item, and the caller, who withdraws it.</summary>
        public bool TryClaim() => Interlocked.Exchange(ref _claimed, 1) == 0;

        public void Complete(TResult result) => _result.TrySetResult(result);

        public void Fail(Exception reason)
        {
            _result.TrySetException(reason);
            // Its caller may have gone: then nobody else would look at the exception.
            _ = _result.Task.Exception;
        }
    }
}
