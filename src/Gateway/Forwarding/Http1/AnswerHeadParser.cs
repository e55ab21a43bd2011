using System.Buffers.Text;
using System.Text;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// Reads the head of an answer and decides where its content ends (RFC 9112, sections 4 to 6). What could be understood
/// in two ways is malformed: lengths that differ or are lists, transfer codings other than chunked alone, HTTP/1.0 with a
/// transfer coding, a protocol that nobody asked to switch to.
/// </summary>
internal static class AnswerHeadParser
{
    private const int StatusAt = 9;

    /// <param name="received">What was received, from the start of the head.</param>
    /// <param name="scanned">Where the search for its end goes on; 0 for a new one.</param>
    /// <param name="toHead">Whether the request was a HEAD, whose answer has no content.</param>
    /// <param name="head">What was read, where it is whole.</param>
    public static Parsed Parse(ReadOnlySpan<byte> received, ref int scanned, bool toHead, AnswerHead head)
    {
        var end = FieldParser.FindEnd(received, ref scanned);
        if (end == 0)
        {
            return received.Length >= AnswerHead.MostBytes || !MayBegin(received) ? Parsed.Malformed : Parsed.Part;
        }

        head.Clear();
        head.Bytes = end;
        var section = received[..end];
        return end <= AnswerHead.MostBytes
            && TryReadStatus(section, head, out var is10, out var fieldsAt)
            && FieldParser.TryRead(section, fieldsAt, head)
            && TryFrame(section, head, is10, toHead)
                ? Parsed.Whole
                : Parsed.Malformed;
    }

    /// <summary>Whether one value is a list member of another, in any case (RFC 9110, section 5.6.1).</summary>
    public static bool Lists(ReadOnlySpan<byte> list, ReadOnlySpan<byte> member)
    {
        foreach (var range in list.Split((byte)','))
        {
            if (Ascii.EqualsIgnoreCase(list[range].Trim(" \t"u8), member))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Another protocol is refused at its first byte, and not when the head is too long.</summary>
    private static bool MayBegin(ReadOnlySpan<byte> received)
    {
        var begin = "HTTP/1."u8;
        var length = Math.Min(begin.Length, received.Length);
        return received[..length].SequenceEqual(begin[..length]);
    }

    /// <summary>HTTP/1.x SP 3DIGIT, and SP reason, which may be missing with its space.</summary>
    private static bool TryReadStatus(ReadOnlySpan<byte> section, AnswerHead head, out bool is10, out int fieldsAt)
    {
        var length = section.IndexOf((byte)'\n');
        var line = FieldParser.TrimEnd(section[..length]);
        fieldsAt = length + 1;
        is10 = false;
        if (line.Length < StatusAt + 3
            || !MayBegin(line)
            || line[StatusAt - 2] is < (byte)'0' or > (byte)'9'
            || line[StatusAt - 1] != ' '
            || line[StatusAt] is < (byte)'1' or > (byte)'9'
            || !Utf8Parser.TryParse(line.Slice(StatusAt, 3), out int status, out var digits)
            || digits != 3
            || (line.Length > StatusAt + 3 && line[StatusAt + 3] != ' ')
            || !FieldParser.IsText(line))
        {
            return false;
        }

        is10 = line[StatusAt - 2] == '0';
        head.Status = status;
        head.Reason = Math.Min(StatusAt + 4, line.Length)..line.Length;
        // To 101 only where an upgrade was asked for, which is not done here.
        return status != StatusCodes.Status101SwitchingProtocols;
    }

    private static bool TryFrame(ReadOnlySpan<byte> section, AnswerHead head, bool is10, bool toHead)
    {
        var (closes, keeps, codings, lengths) = (false, false, 0, 0);
        foreach (var field in head.Fields)
        {
            var name = field.Name(section);
            var value = field.Value(section);
            switch (name.Length)
            {
                case 10 when Ascii.EqualsIgnoreCase(name, "Connection"u8):
                    closes |= Lists(value, "close"u8);
                    keeps |= Lists(value, "keep-alive"u8);
                    head.NamesFields |= !Ascii.EqualsIgnoreCase(value, "close"u8)
                        && !Ascii.EqualsIgnoreCase(value, "keep-alive"u8);
                    break;
                case 14 when Ascii.EqualsIgnoreCase(name, "Content-Length"u8):
                    if (!TryReadLength(value, out var length) || (head.Length is { } other && other != length))
                    {
                        return false;
                    }

                    head.Length = length;
                    lengths++;
                    break;
                case 17 when Ascii.EqualsIgnoreCase(name, "Transfer-Encoding"u8):
                    if (is10 || !Ascii.EqualsIgnoreCase(value, "chunked"u8))
                    {
                        return false;
                    }

                    codings++;
                    break;
                default:
                    break;
            }
        }

        if (codings > 1)
        {
            return false;
        }

        // Where both are there the coding holds, and the connection is not trusted any further (section 6.1).
        head.KeepsAlive = !closes && (!is10 || keeps) && !(codings > 0 && lengths > 0);
        head.Length = codings > 0 ? null : head.Length;
        var hasNone = toHead
            || head.IsInterim
            || head.Status is StatusCodes.Status204NoContent or StatusCodes.Status304NotModified;
        head.Framing = hasNone ? Framing.None
            : codings > 0 ? Framing.Chunked
            : head.Length is { } known ? (known == 0 ? Framing.None : Framing.Length)
            : Framing.UntilClose;
        head.KeepsAlive &= head.Framing != Framing.UntilClose;
        return true;
    }

    /// <summary>Digits alone, at most <see cref="long.MaxValue"/>.</summary>
    private static bool TryReadLength(ReadOnlySpan<byte> value, out long length)
    {
        length = 0;
        return !value.IsEmpty
            && !value.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && Utf8Parser.TryParse(value, out length, out var digits)
            && digits == value.Length;
    }
}
