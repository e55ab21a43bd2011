using System.Buffers;

namespace WorkerMesh.Grains.Identity;

/// <summary>The rule that worker ids, service types and zones share.</summary>
public static class Identifier
{
    /// <summary>The longest identifier, in characters.</summary>
    public const int MaxLength = 128;

    /// <summary>The rule in words, for error messages.</summary>
    public const string Rule =
        "1 to 128 characters of A-Z, a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit";

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>Whether <paramref name="text"/> keeps <see cref="Rule"/>.</summary>
    public static bool IsValid(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= MaxLength
        && char.IsAsciiLetterOrDigit(text[0])
        && !text.ContainsAnyExcept(Allowed);
}
