namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>Ends database operations in time, also those that do not react to being cancelled.</summary>
internal static class TimeLimit
{
    // What the driver may take to give up by itself, which leaves its connection in a known state.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Runs an operation, cancels it when the time is up, and shortly after leaves it to itself: to cancel a statement
    /// the driver asks the server, and a server that hangs answers that no more than the statement.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The time was up.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> operation,
        TimeSpan limit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var timer = new CancellationTokenSource(limit, time);
        var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        var running = operation(either.Token);
        // The operation may outlive this call: then its failure is nobody's, and it still needs the token.
        _ = running.ContinueWith(
            ended =>
            {
                _ = ended.Exception;
                either.Dispose();
                timer.Dispose();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        try
        {
            return await running.WaitAsync(limit + Grace, time, cancellationToken);
        }
        catch (Exception e) when (
            e is TimeoutException || (timer.IsCancellationRequested && StoreErrors.IsUnavailability(e)))
        {
            throw new StoreUnavailableException($"The database did not answer within {limit.TotalSeconds:0.#} s.", e);
        }
    }
}
