namespace WorkerMesh.Gateway.Cluster;

internal static class SiloLane
{
    /// <summary>Messages to one silo at once: enough to have the next while it does the last.</summary>
    public const int MostUnderWay = 2;

    /// <summary>
    /// With so many waiting, a second message goes without more: what a message costs by itself is little for each of them.
    /// </summary>
    public const int Enough = 32;

    /// <summary>After so long a message does not hold up others any more: its silo may hang.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);
}

/// <summary>
/// What is sent, and to be sent, to one silo. While messages to it are on their way, what comes gathers, and follows in
/// one. Nothing waits where none is on its way. Beside one, a second begins once it is as large: else each answer would let
/// the few follow that came since the one before, in messages that cost as much as large ones.
/// </summary>
/// <param name="send">Sends items in one message, and gives an answer to each, in order.</param>
/// <param name="mostInOne">The most that is in a message: bounds its size, and what is held up by one that is lost.</param>
/// <param name="clock">The clock of <see cref="SiloLane.Patience"/>.</param>
internal sealed class SiloLane<TItem, TAnswer>(
    Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TAnswer>>> send, int mostInOne, TimeProvider clock)
{
    private readonly Lock gate = new();
    private readonly Queue<Waiter> waiting = [];
    private int waitingSize;
    private int underWay;
    private int sizeUnderWay;
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
        Message? message;
        lock (gate)
        {
            load += size;
            waiting.Enqueue(waiter);
            waitingSize += size;
            message = TakeWaiting();
        }

        _ = SendAndFollow(message);
        return waiter.Task;
    }

    private async Task SendAndFollow(Message? message)
    {
        while (message is not null)
        {
            try
            {
                await SendNow(message).WaitAsync(SiloLane.Patience, clock);
            }
            catch (TimeoutException)
            {
                // Whoever waits for it goes on waiting.
            }

            lock (gate)
            {
                underWay--;
                sizeUnderWay -= message.Size;
                message = TakeWaiting();
            }
        }
    }

    /// <summary>What is to be sent now; null where nothing is. Only within the lock.</summary>
    private Message? TakeWaiting()
    {
        if (waiting.Count == 0 || underWay == SiloLane.MostUnderWay || waitingSize < Math.Min(sizeUnderWay, SiloLane.Enough))
        {
            return null;
        }

        var (items, size) = (new List<Waiter>(), 0);
        while (waiting.TryPeek(out var next) && (size == 0 || size + next.Size <= mostInOne))
        {
            items.Add(waiting.Dequeue());
            size += next.Size;
        }

        waitingSize -= size;
        underWay++;
        sizeUnderWay += size;
        return new(items, size);
    }

    private async Task SendNow(Message message)
    {
        var items = message.Items;
        try
        {
            var answers = await send(items.ConvertAll(waiter => waiter.Item));
            Answered(message.Size);
            for (var i = 0; i < items.Count; i++)
            {
                items[i].SetResult(answers[i]);
            }
        }
        // Whatever it is belongs to the callers; what waits has to be sent all the same.
        catch (Exception e)
        {
            Answered(message.Size);
            items.ForEach(waiter => waiter.TrySetException(e));
        }
    }

    private void Answered(int size)
    {
        lock (gate)
        {
            load -= size;
        }
    }

    private sealed record Message(List<Waiter> Items, int Size);

    private sealed class Waiter(TItem item, int size)
        : TaskCompletionSource<TAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TItem Item => item;

        public int Size => size;
    }
}
