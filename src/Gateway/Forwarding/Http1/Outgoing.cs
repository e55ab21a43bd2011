using System.Buffers;
using System.Text;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>What is to be sent next: a pooled buffer that grows. Its size is bounded by what is put in.</summary>
internal sealed class Outgoing : IDisposable
{
    private const int FirstBytes = 2048;

    /// <summary>Larger ones are not kept for the next request.</summary>
    private const int MostKept = 16 * 1024;

    private byte[] bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);
    private int length;

    public ReadOnlyMemory<byte> Written => bytes.AsMemory(0, length);

    public void Clear()
    {
        length = 0;
        if (bytes.Length > MostKept)
        {
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);
        }
    }

    public void Write(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        length += text.Length;
    }

    /// <summary>As UTF-8, in which the server read it.</summary>
    public void Write(ReadOnlySpan<char> text) =>
        length += Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));

    public void Write(long number)
    {
        number.TryFormat(Room(20), out var digits);
        length += digits;
    }

    /// <summary>Writes a value with its own formatter, of at most so many bytes.</summary>
    public void Write<T>(T value, int most)
        where T : IUtf8SpanFormattable
    {
        value.TryFormat(Room(most), out var written, default, null);
        length += written;
    }

    /// <summary>Room for more; what is used of it is said to <see cref="Advance"/>.</summary>
    public Span<byte> Room(int count)
    {
        if (bytes.Length - length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * bytes.Length, length + count));
            bytes.AsSpan(0, length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = larger;
        }

        return bytes.AsSpan(length);
    }

    public void Advance(int count) => length += count;

    public void Dispose() => ArrayPool<byte>.Shared.Return(Interlocked.Exchange(ref bytes, []));
}
