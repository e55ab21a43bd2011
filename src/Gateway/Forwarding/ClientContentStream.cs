using System.Buffers;
using System.IO.Pipelines;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// The content of a request for the forwarder to read, which over HTTP/1.1 can give it up without harm to the client's
/// connection. Over HTTP/2 it is a stream of its own that ends then.
/// Where a watch is kept, bytes are progress; what is read is written on before the next read, so that a read that begins
/// is progress as well.
/// </summary>
/// <param name="body">The request's own stream of the same content.</param>
/// <param name="context">The request.</param>
/// <param name="watch">The watch, if one is kept.</param>
internal sealed class ClientContentStream(Stream body, HttpContext context, ProgressWatch? watch) : PassingStream(body)
{
    /// <summary>Null over HTTP/2. Found before this takes the body's place: the server would make another one then, of this.</summary>
    private readonly PipeReader? input = HttpProtocol.IsHttp2(context.Request.Protocol) ? null : context.Request.BodyReader;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        watch?.OnProgress();
        watch?.OnReadingClient(begins: true);
        try
        {
            var read = await (input is null ? Inner.ReadAsync(buffer, cancellationToken) : Read(input, buffer, cancellationToken));
            watch?.OnProgress();
            // Reads of nothing only wait.
            if (read == 0 && buffer.Length > 0)
            {
                watch?.OnRequestEnded();
            }

            return read;
        }
        catch (IOException e) when (input is not null && ClientContent.IsBroken(e))
        {
            ClientContent.GiveUp(context);
            throw;
        }
        finally
        {
            watch?.OnReadingClient(begins: false);
        }
    }

    private static async ValueTask<int> Read(PipeReader input, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await ClientContent.Read(input, cancellationToken);
            // Nothing of it may be looked at once it is given back.
            var length = (int)Math.Min(read.Buffer.Length, buffer.Length);
            var piece = read.Buffer.Slice(0, length);
            piece.CopyTo(buffer.Span);
            input.AdvanceTo(piece.End);
            if (length > 0 || read.IsCompleted || buffer.IsEmpty)
            {
                return length;
            }
        }
    }
}
