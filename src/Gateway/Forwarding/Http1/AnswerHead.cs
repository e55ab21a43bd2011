namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>Where a message's content ends (RFC 9112, section 6.3).</summary>
internal enum Framing
{
    /// <summary>With the head.</summary>
    None,

    /// <summary>After <see cref="AnswerHead.Length"/> bytes.</summary>
    Length,

    /// <summary>With the last chunk and its trailers.</summary>
    Chunked,

    /// <summary>With the connection.</summary>
    UntilClose,
}

/// <summary>A field line: where its name and its value are, counted from the start of the section.</summary>
internal readonly record struct FieldLine(int NameStart, int NameLength, int ValueStart, int ValueLength)
{
    public ReadOnlySpan<byte> Name(ReadOnlySpan<byte> section) => section.Slice(NameStart, NameLength);

    public ReadOnlySpan<byte> Value(ReadOnlySpan<byte> section) => section.Slice(ValueStart, ValueLength);
}

/// <summary>The head of an answer, or a trailer section, taken apart. One for each connection, filled anew each time.</summary>
internal sealed class AnswerHead
{
    /// <summary>More are refused: each costs memory and time on both sides.</summary>
    public const int MostFields = 256;

    /// <summary>The longest head and the longest trailer section, bytes; longer ones are refused.</summary>
    public const int MostBytes = 64 * 1024;

    private FieldLine[] fields = new FieldLine[16];

    /// <summary>Three digits, 100 to 999.</summary>
    public int Status { get; set; }

    /// <summary>Where the reason phrase is; may be empty.</summary>
    public Range Reason { get; set; }

    /// <summary>How many bytes it is long, the empty line included.</summary>
    public int Bytes { get; set; }

    public Framing Framing { get; set; }

    /// <summary>What Content-Length says; null where there is none, or Transfer-Encoding overrides it.</summary>
    public long? Length { get; set; }

    /// <summary>Whether another request may follow on the connection (RFC 9112, section 9.3).</summary>
    public bool KeepsAlive { get; set; }

    /// <summary>Whether Connection names header fields that are for this hop only.</summary>
    public bool NamesFields { get; set; }

    /// <summary>An interim answer, which a final one follows (RFC 9110, section 15.2).</summary>
    public bool IsInterim => Status < 200;

    public int FieldCount { get; private set; }

    public ReadOnlySpan<FieldLine> Fields => fields.AsSpan(0, FieldCount);

    public void Clear()
    {
        FieldCount = 0;
        Length = null;
        NamesFields = false;
    }

    /// <returns>False where there are too many.</returns>
    public bool TryAdd(FieldLine field)
    {
        if (FieldCount == MostFields)
        {
            return false;
        }

        if (FieldCount == fields.Length)
        {
            Array.Resize(ref fields, 2 * fields.Length);
        }

        fields[FieldCount++] = field;
        return true;
    }
}
