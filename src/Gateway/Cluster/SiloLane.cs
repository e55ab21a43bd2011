namespace WorkerMesh.Gateway.Cluster;

internal static class SiloLane
{
    /// <summary>Messages to one silo at once: enough to have the next while it does the last.</summary>
    public const int MostUnderWay = 2;

    /// <summary>After so long a message does not hold up others any more: its silo may hang.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);
}

/// <summary>
/// What is sent, and to be sent, to one silo. While messages to it are on their way, what comes gathers, and follows in
/// one; it never waits for a message to fill.
/// </summary>
/// <param name="send">Sends items in one message, and gives an answer to each, in order.</param>
/// <param name="mostInOne">The most that is in a message: bounds its size, and what is held up by one that is lost.</param>
/// <param name="clock">The clock of <see cref="SiloLane.Patience"/>.</param>
internal sealed class SiloLane<TItem, TAnswer>(
    Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TAnswer>>> send, int mostInOne, TimeProvider clock)
{
    private readonly Lock gate = new();
    private readonly Queue<Waiter> waiting = [];
    private int underWay;
    private int load;

    /// <summary>What was sent and is not answered, and what waits.</summary>
    public int Load => Volatile.Read(ref load);

    /// <summary>Sends an item, at once or with others.</summary>
    /// <param name="item">The item.</param>
    /// <param name="size">How much of a message it is, 1 or more. One of more than a message holds has its own.</param>
    /// <returns>Its answer; fails as the message fails.</returns>
    public Task<TAnswer> Send(TItem item, int size = 1)
    {
        var waiter = new Waiter(item, size);
        lock (gate)
        {
            load += size;
            waiting.Enqueue(waiter);
            if (underWay == SiloLane.MostUnderWay)
            {
                return waiter.Task;
            }

            underWay++;
        }

        _ = SendWaiting();
        return waiter.Task;
    }

    private async Task SendWaiting()
    {
        while (TakeWaiting() is { } batch)
        {
            try
            {
                await SendNow(batch).WaitAsync(SiloLane.Patience, clock);
            }
            catch (TimeoutException)
            {
                // Whoever waits for it goes on waiting.
            }
        }
    }

    private List<Waiter>? TakeWaiting()
    {
        lock (gate)
        {
            if (waiting.Count == 0)
            {
                underWay--;
                return null;
            }

            var batch = new List<Waiter>();
            for (var size = 0; waiting.TryPeek(out var next) && (size == 0 || size + next.Size <= mostInOne); size += next.Size)
            {
                batch.Add(waiting.Dequeue());
            }

            return batch;
        }
    }

    private async Task SendNow(List<Waiter> batch)
    {
        try
        {
            var answers = await send(batch.ConvertAll(waiter => waiter.Item));
            Answered(batch);
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].SetResult(answers[i]);
            }
        }
        // Whatever it is belongs to the callers; what waits has to be sent all the same.
        catch (Exception e)
        {
            Answered(batch);
            batch.ForEach(waiter => waiter.TrySetException(e));
        }
    }

    private void Answered(List<Waiter> batch)
    {
        lock (gate)
        {
            load -= batch.Sum(waiter => waiter.Size);
        }
    }

    private sealed class Waiter(TItem item, int size)
        : TaskCompletionSource<TAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TItem Item => item;

        public int Size => size;
    }
}
