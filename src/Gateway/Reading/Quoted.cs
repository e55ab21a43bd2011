using System.Globalization;
using System.Text;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Makes text from outside fit for messages: short, on one line, unable to disguise the rest.</summary>
internal static class Quoted
{
    /// <summary>The most characters of a value that a message repeats.</summary>
    public const int MaxLength = 64;

    /// <summary>The text in single quotes.</summary>
    public static string Text(string? value) => $"'{Shorten(value)}'";

    /// <summary>
    /// At most <paramref name="maxLength"/> characters of the text, the last an ellipsis where it was longer. Control
    /// and format characters, line separators and lone surrogates are replaced by U+FFFD.
    /// </summary>
    public static string Shorten(ReadOnlySpan<char> value, int maxLength = MaxLength)
    {
        var room = value.Length <= maxLength ? maxLength : maxLength - 1;
        var text = new StringBuilder(Math.Min(value.Length, maxLength));
        foreach (var rune in value.EnumerateRunes())
        {
            if (text.Length + rune.Utf16SequenceLength > room)
            {
                return text.Append('…').ToString();
            }

            text.Append((IsShown(rune) ? rune : Rune.ReplacementChar).ToString());
        }

        return text.ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control
        or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned);
}
