using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// The trace context of a request to a worker (W3C Trace Context, w3.org/TR/trace-context). A request that belongs to a
/// trace goes on in it, as this gateway's child of whoever sent it; any other begins one. The gateway records no spans
/// itself, so it needs none of the runtime's activities, which cost a tenth of a forwarded request.
/// </summary>
internal static class TraceContext
{
    public const string ParentField = "traceparent";
    public const string StateField = "tracestate";

    /// <summary>The length of <c>traceparent</c>: version, trace, parent and flags, in hex digits with dashes between.</summary>
    public const int ParentLength = 55;

    private const int TraceAt = 3;
    private const int TraceDigits = 32;
    private const int ParentAt = TraceAt + TraceDigits + 1;
    private const int ParentDigits = 16;
    private const int FlagsAt = ParentAt + ParentDigits + 1;
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>Writes the value of <c>traceparent</c> for the worker.</summary>
    /// <param name="received">What the client sent.</param>
    /// <param name="value">Room for <see cref="ParentLength"/> characters.</param>
    /// <returns>
    /// Whether the request belongs to a trace. Where it does not, <c>tracestate</c> says nothing and is to be dropped
    /// (section 3.3).
    /// </returns>
    public static bool Write(StringValues received, Span<byte> value)
    {
        Span<byte> random = stackalloc byte[(TraceDigits + ParentDigits) / 2];
        Random.Shared.NextBytes(random);
        var trace = random[..(TraceDigits / 2)];
        var parent = random[(TraceDigits / 2)..];
        // Zeros alone would mean none.
        trace[0] |= 1;
        parent[0] |= 1;
        "00-"u8.CopyTo(value);
        value[ParentAt - 1] = value[FlagsAt - 1] = (byte)'-';
        var isTraced = received.Count == 1 && IsValid(received[0]);
        if (isTraced)
        {
            var known = received[0].AsSpan();
            for (var i = 0; i < TraceDigits; i++)
            {
                value[TraceAt + i] = (byte)known[TraceAt + i];
            }

            value[FlagsAt] = (byte)known[FlagsAt];
            value[FlagsAt + 1] = (byte)known[FlagsAt + 1];
        }
        else
        {
            Convert.TryToHexStringLower(trace, value.Slice(TraceAt, TraceDigits), out _);
            "00"u8.CopyTo(value[FlagsAt..]);
        }

        Convert.TryToHexStringLower(parent, value.Slice(ParentAt, ParentDigits), out _);
        return isTraced;
    }

    /// <summary>Later versions begin as version 00 does, and may go on behind that (section 3.2.4).</summary>
    private static bool IsValid(string? value)
    {
        var text = value.AsSpan();
        if (text.Length < ParentLength
            || text[TraceAt - 1] != '-' || text[ParentAt - 1] != '-' || text[FlagsAt - 1] != '-'
            || !IsHex(text[..(TraceAt - 1)])
            || !IsHex(text.Slice(TraceAt, TraceDigits))
            || !IsHex(text.Slice(ParentAt, ParentDigits))
            || !IsHex(text.Slice(FlagsAt, ParentLength - FlagsAt)))
        {
            return false;
        }

        var isLongEnough = text.Length == ParentLength || (!text.StartsWith("00") && text[ParentLength] == '-');
        return isLongEnough
            && !text.StartsWith("ff")
            && text.Slice(TraceAt, TraceDigits).ContainsAnyExcept('0')
            && text.Slice(ParentAt, ParentDigits).ContainsAnyExcept('0');
    }

    private static bool IsHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Digits);
}
