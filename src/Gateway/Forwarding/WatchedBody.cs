using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// A request's body whose bytes count as progress. What is read is written on before the next read, so that a read that
/// begins is progress as well.
/// </summary>
internal sealed class WatchedBody(Stream inner, ProgressWatch watch, HttpContext context) : PassingStream(inner)
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        watch.OnProgress();
        watch.OnReadingClient(begins: true);
        try
        {
            var read = await Inner.ReadAsync(buffer, cancellationToken);
            watch.OnProgress();
            // Reads of nothing only wait.
            if (read == 0 && buffer.Length > 0)
            {
                watch.OnRequestEnded();
            }

            return read;
        }
        catch (IOException e) when (BrokenContent.Is(e))
        {
            BrokenContent.GiveUp(context);
            throw;
        }
        finally
        {
            watch.OnReadingClient(begins: false);
        }
    }
}
