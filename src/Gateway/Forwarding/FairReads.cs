namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Reads of what a worker sends. Where it is always there at once, and the client takes it at once, the thread that hears of
/// all sockets would never get to the others: after <see cref="MostInARow"/> reads in a row the reader goes on in the thread
/// pool, until it has to wait.
/// </summary>
internal struct FairReads
{
    /// <summary>4 MiB of a long answer, a few milliseconds.</summary>
    private const int MostInARow = 64;

    private int inARow;

    /// <summary>Counts a read that has just begun.</summary>
    public ValueTask<int> Count(ValueTask<int> read)
    {
        if (!read.IsCompletedSuccessfully)
        {
            inARow = 0;
            return read;
        }

        if (++inARow < MostInARow)
        {
            return read;
        }

        inARow = 0;
        return LetOthers(read);
    }

    private static async ValueTask<int> LetOthers(ValueTask<int> read)
    {
        await Task.Yield();
        return await read;
    }
}
