using System.Text;
using System.Text.Json;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Says what is malformed about JSON, and for the mistakes that people make what would be right.</summary>
internal static class JsonFault
{
    private const int MaxReason = 160;

    /// <summary>One sentence about a fault.</summary>
    /// <param name="fault">What the parser says.</param>
    /// <param name="rest">The text after the last good token.</param>
    /// <param name="depth">How many objects and arrays are open there.</param>
    public static string Explain(JsonException fault, ReadOnlySpan<byte> rest, int depth)
    {
        var token = rest.TrimStart(" \t\r\n:,"u8);
        var afterComma = rest[..^token.Length].Contains((byte)',');
        // The parser counts from 0, and in bytes.
        return $"Malformed JSON at line {fault.LineNumber + 1}, position {fault.BytePositionInLine + 1}: "
            + $"{Hint(token, afterComma, depth) ?? ReasonOf(fault)}.";
    }

    private static string? Hint(ReadOnlySpan<byte> token, bool afterComma, int depth)
    {
        if (token.IsEmpty)
        {
            return "it ends too early; close every string, array and object";
        }

        return (char)token[0] switch
        {
            '\'' => "a single quote; put strings and names in double quotes",
            '/' or '#' => "a comment; leave comments out",
            '}' or ']' when afterComma => "a comma with nothing after it; take it out",
            '{' or '[' when depth >= JsonWalk.MaxDepth =>
                $"objects and arrays are nested deeper than {JsonWalk.MaxDepth} levels; nest them less deeply",
            '-' or '+' or '.' or (>= '0' and <= '9') when !IsWord(token.TrimStart("+-"u8), "Infinity"u8) =>
                "this is not how JSON writes numbers; write them like 12, -0.5 or 3e2",
            _ => HintAtWord(token.TrimStart("+-"u8)),
        };
    }

    private static string? HintAtWord(ReadOnlySpan<byte> token)
    {
        if (IsWord(token, "NaN"u8) || IsWord(token, "Infinity"u8))
        {
            return "JSON has no NaN and no Infinity; send a finite number, or leave the member out";
        }

        return IsWord(token, "true"u8) || IsWord(token, "false"u8) || IsWord(token, "none"u8)
            || IsWord(token, "nil"u8) || IsWord(token, "null"u8) || IsWord(token, "undefined"u8)
            ? "no word that JSON knows; write true, false or null"
            : null;
    }

    private static bool IsWord(ReadOnlySpan<byte> token, ReadOnlySpan<byte> word) =>
        token.Length >= word.Length && Ascii.EqualsIgnoreCase(token[..word.Length], word);

    /// <summary>What the parser says, without the position, which it counts from 0.</summary>
    private static string ReasonOf(JsonException fault)
    {
        var end = fault.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var reason = Quoted.Shorten(end < 0 ? fault.Message : fault.Message.AsSpan(0, end), MaxReason).TrimEnd('.');
        return $"{reason}; send one object as RFC 8259 describes it";
    }
}
