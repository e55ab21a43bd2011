namespace WorkerMesh.Grains.Identity;

/// <summary>
/// One copy of texts that many workers have in common: names of service types and zones, capabilities. Remembers a
/// bounded number of the last ones, of a bounded length; any may be forgotten at any time.
/// </summary>
public static class SharedText
{
    private const int Places = 4096;
    private const int Longest = 512;
    private static readonly string?[] Known = new string?[Places];

    /// <summary>An equal text, most likely the one that was given out for it before.</summary>
    public static string Of(string text)
    {
        if (text.Length > Longest)
        {
            return text;
        }

        // No lock: of two that write one place at once either is right.
        ref var place = ref Known[(uint)text.GetHashCode(StringComparison.Ordinal) % Places];
        return Volatile.Read(ref place) is { } known && known == text ? known : place = text;
    }
}
