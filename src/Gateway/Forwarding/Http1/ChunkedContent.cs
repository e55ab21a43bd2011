namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// Takes chunked content apart (RFC 9112, section 7.1). Strict: lines end with CRLF, sizes are 1 to 16 hexadecimal digits
/// and nothing else; extensions are read over, up to a limit. Keeps its state, so that what is received may end anywhere.
/// </summary>
internal struct ChunkedContent
{
    /// <summary>What a chunk's line may add to its size. Long extensions are a way to keep a reader busy.</summary>
    public const int MostExtensionBytes = 4096;

    private const int MostDigits = 16;

    private State state;
    private ulong size;
    private int digits;
    private int extension;

    private enum State : byte
    {
        Size,
        Extension,
        SizeLf,
        Content,
        ContentCr,
        ContentLf,
        LastLf,
        Trailers,
    }

    /// <summary>Whether the last chunk was read and the trailer section begins.</summary>
    public readonly bool IsAtTrailers => state == State.Trailers;

    /// <summary>Goes on with what was received.</summary>
    /// <param name="received">It.</param>
    /// <param name="framing">How many bytes of it are framing, which come first.</param>
    /// <param name="content">How many bytes of content follow them.</param>
    /// <returns>Whole: at the trailers. Part: after these bytes there is more to come.</returns>
    public Parsed Next(ReadOnlySpan<byte> received, out int framing, out int content)
    {
        framing = content = 0;
        while (state != State.Trailers)
        {
            if (state == State.Content)
            {
                content = (int)Math.Min(size, (ulong)(received.Length - framing));
                size -= (ulong)content;
                state = size == 0 ? State.ContentCr : State.Content;
                return Parsed.Part;
            }

            if (framing == received.Length)
            {
                return Parsed.Part;
            }

            if (!Step(received[framing++]))
            {
                return Parsed.Malformed;
            }
        }

        return Parsed.Whole;
    }

    /// <summary>One byte of framing; false where it does not belong there.</summary>
    private bool Step(byte next)
    {
        switch (state)
        {
            case State.Size when char.IsAsciiHexDigit((char)next):
                size = (size << 4) | (uint)HexValue(next);
                return ++digits <= MostDigits && size <= long.MaxValue;
            case State.Size when digits > 0 && next is (byte)'\r':
            case State.Extension when next is (byte)'\r':
                state = size == 0 ? State.LastLf : State.SizeLf;
                return true;
            case State.Size when digits > 0 && next is (byte)';' or (byte)' ' or (byte)'\t':
                state = State.Extension;
                return true;
            case State.Extension:
                return ++extension <= MostExtensionBytes && next is (byte)'\t' or >= (byte)' ' and not 127;
            case State.SizeLf when next is (byte)'\n':
                state = State.Content;
                (digits, extension) = (0, 0);
                return true;
            case State.ContentCr when next is (byte)'\r':
                state = State.ContentLf;
                return true;
            case State.ContentLf when next is (byte)'\n':
                state = State.Size;
                return true;
            case State.LastLf when next is (byte)'\n':
                state = State.Trailers;
                return true;
            default:
                return false;
        }
    }

    private static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
