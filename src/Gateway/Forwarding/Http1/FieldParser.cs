using System.Buffers;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// Takes field lines apart (RFC 9112, section 5; RFC 9110, section 5). Strict, but that a line may end with LF alone
/// (RFC 9112, section 2.2), as small servers write them. Folded lines are refused (section 5.2).
/// </summary>
internal static class FieldParser
{
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>Controls but the tab (RFC 9110, section 5.5).</summary>
    private static readonly SearchValues<byte> BadInValue = SearchValues.Create(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

    /// <summary>
    /// The length of a section that ends with an empty line, that line included; 0 where it is not whole yet.
    /// </summary>
    /// <param name="received">What was received, from the start of the section.</param>
    /// <param name="from">Where to go on looking; begin with 0. The line before must begin there.</param>
    public static int FindEnd(ReadOnlySpan<byte> received, ref int from)
    {
        while (received[from..].IndexOf((byte)'\n') is var length && length >= 0)
        {
            var line = received.Slice(from, length);
            from += length + 1;
            if (line is [] or [(byte)'\r'])
            {
                return from;
            }
        }

        return 0;
    }

    /// <summary>Reads the lines of a whole section into a head; those of a trailer section as well.</summary>
    /// <returns>False where it is malformed.</returns>
    public static bool TryRead(ReadOnlySpan<byte> section, int start, AnswerHead head)
    {
        for (var at = start; ;)
        {
            var length = section[at..].IndexOf((byte)'\n');
            var line = TrimEnd(section.Slice(at, length));
            if (line.IsEmpty)
            {
                return true;
            }

            if (!TryReadLine(line, at, out var field) || !head.TryAdd(field))
            {
                return false;
            }

            at += length + 1;
        }
    }

    /// <summary>A line without its CR.</summary>
    public static ReadOnlySpan<byte> TrimEnd(ReadOnlySpan<byte> line) => line is [.. var rest, (byte)'\r'] ? rest : line;

    /// <summary>Whether this is a reason phrase or a field value.</summary>
    public static bool IsText(ReadOnlySpan<byte> value) => !value.ContainsAny(BadInValue);

    private static bool TryReadLine(ReadOnlySpan<byte> line, int at, out FieldLine field)
    {
        var colon = line.IndexOf((byte)':');
        field = default;
        if (colon <= 0)
        {
            return false;
        }

        // White space before the colon is to be taken away (RFC 9112, section 5.1).
        var name = line[..colon].TrimEnd(" \t"u8);
        if (name.IsEmpty || name.ContainsAnyExcept(TokenBytes))
        {
            // Also a folded line: it begins with white space, which is in no name.
            return false;
        }

        var value = line[(colon + 1)..];
        var begin = value.IndexOfAnyExcept((byte)' ', (byte)'\t');
        begin = begin < 0 ? value.Length : begin;
        value = value[begin..].TrimEnd(" \t"u8);
        field = new(at, name.Length, at + colon + 1 + begin, value.Length);
        return IsText(value);
    }
}
