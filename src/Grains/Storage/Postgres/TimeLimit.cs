namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>Ends database operations in time, also those that do not react to being cancelled.</summary>
internal static class TimeLimit
{
    /// <summary>
    /// What the driver may take to give up by itself, for who has to know that it is over, unless the server hangs.
    /// </summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Runs an operation, cancels it when the time is up, and shortly after leaves it to itself: to cancel a statement
    /// the driver asks the server, and a server that hangs answers that no more than the statement.
    /// </summary>
    /// <param name="operation">The operation.</param>
    /// <param name="limit">How long it may take.</param>
    /// <param name="grace">How long it is waited for once it is cancelled.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">The caller gives up, and waits no longer.</param>
    /// <exception cref="StoreUnavailableException">The time was up.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> operation,
        TimeSpan limit,
        TimeSpan grace,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var cancellation = new CancellationTokenSource();
        var running = operation(cancellation.Token);
        await ((Task)running).WaitAsync(limit, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (running.IsCompleted)
        {
            return await running;
        }

        Cancel(cancellation, running);
        try
        {
            return await running.WaitAsync(grace, time, cancellationToken);
        }
        catch (Exception e) when (StoreErrors.IsUnavailability(e) && !cancellationToken.IsCancellationRequested)
        {
            throw StoreErrors.NotInTime(limit, notBegun: false, e);
        }
    }

    /// <summary>
    /// On a thread of its own: where the server hangs, the driver holds the thread that cancels a statement until it has
    /// connected for it, which takes seconds, and the pool has no more threads than processors to give away.
    /// </summary>
    private static void Cancel(CancellationTokenSource cancellation, Task running)
    {
        Forget(Task.Factory.StartNew(
            cancellation.Cancel, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        // It may outlive the call: then its failure is nobody's.
        Forget(running);
    }

    private static void Forget(Task task) => task.ContinueWith(
        static ended => _ = ended.Exception,
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}
