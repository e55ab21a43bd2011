using System.IO.Pipelines;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Reading the content of a client's request, which may be given up, or break, at any time.</summary>
internal static class ClientContent
{
    /// <summary>
    /// Waits for more of it. It ends with a read that is cancelled, not with the token: after one that its token ended,
    /// Kestrel takes the reader for one in use, can't read over what is left, and closes the client's connection.
    /// </summary>
    /// <exception cref="OperationCanceledException">It is given up.</exception>
    public static async ValueTask<ReadResult> Read(PipeReader input, CancellationToken givenUp)
    {
        while (true)
        {
            if (!input.TryRead(out var read))
            {
                using var cancelling = givenUp.UnsafeRegister(static i => Cancel((PipeReader)i!), input);
                read = await input.ReadAsync(CancellationToken.None);
            }

            if (!read.IsCanceled)
            {
                return read;
            }

            input.AdvanceTo(read.Buffer.Start);
            // Where it goes on, an attempt before this one was given up as its read ended.
            givenUp.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// Whether this is what reading it throws where the client's connection broke; what is no content, or too short,
    /// throws another.
    /// </summary>
    public static bool IsBroken(Exception e) => e is IOException and not BadHttpRequestException;

    /// <summary>
    /// Gives the client up. Kestrel may not have noticed, and would try to read what is left, and fail in words that blame
    /// the gateway.
    /// </summary>
    public static void GiveUp(HttpContext context) => context.Abort();

    private static void Cancel(PipeReader input)
    {
        try
        {
            input.CancelPendingRead();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client is gone, and the read ends with it.
        }
    }
}
