using System.IO.Pipelines;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// What a client sends. Where the thread that hears of all sockets passes requests on itself, one that always has the next
/// request there when the last is answered would never let go of it, nor would one that sends a long body faster than it is
/// passed on; and that thread hears of others too. After <see cref="MostInARow"/> reads in a row the client goes on in the
/// thread pool, until it has to be waited for.
/// </summary>
internal sealed class FairReader(PipeReader inner) : PipeReader
{
    /// <summary>Small requests take a few milliseconds then, as does a body of 5 MiB.</summary>
    private const int MostInARow = 64;

    private static int made;

    /// <summary>Whose reads were the last ones on this thread, and how many.</summary>
    [ThreadStatic]
    private static (int Reader, int InARow) turn;

    private readonly int number = Interlocked.Increment(ref made);

    /// <summary>Has what comes from the client be read so.</summary>
    public static IDuplexPipe Around(IDuplexPipe transport) => new Pipes(new FairReader(transport.Input), transport.Output);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ref var last = ref turn;
        if (last.Reader != number)
        {
            last = (number, 0);
        }
        else if (++last.InARow >= MostInARow)
        {
            last = default;
            return LetOthers(cancellationToken);
        }

        return inner.ReadAsync(cancellationToken);
    }

    public override bool TryRead(out ReadResult result) => inner.TryRead(out result);

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private async ValueTask<ReadResult> LetOthers(CancellationToken cancellationToken)
    {
        await Task.Yield();
        return await inner.ReadAsync(cancellationToken);
    }

    private sealed class Pipes(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
