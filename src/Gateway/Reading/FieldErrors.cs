namespace WorkerMesh.Gateway.Reading;

/// <summary>
/// What is wrong with a request, by field. A field is named by its path in the contract's own spelling
/// (<c>services[3]</c>, <c>health.interval_seconds</c>); <c>$</c> is the body as a whole.
/// </summary>
internal sealed class FieldErrors
{
    /// <summary>The most errors kept; further ones are only counted, so that an answer stays small.</summary>
    public const int MaxKept = 20;

    private const int MaxFieldLength = 200;
    private readonly Dictionary<string, List<string>> kept = [];
    private (string Field, string Sentence) first;

    /// <summary>How many errors there are, kept or not.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them were not kept.</summary>
    public int Omitted => Math.Max(0, Count - MaxKept);

    public bool IsEmpty => Count == 0;

    /// <summary>Adds an error.</summary>
    /// <param name="field">The path of the field.</param>
    /// <param name="sentence">What is wrong and what would be right.</param>
    public void Add(string field, string sentence)
    {
        if (++Count > MaxKept)
        {
            return;
        }

        var name = Quoted.Shorten(field, MaxFieldLength);
        if (Count == 1)
        {
            first = (name, sentence);
        }

        if (!kept.TryGetValue(name, out var sentences))
        {
            kept.Add(name, sentences = []);
        }

        sentences.Add(sentence);
    }

    /// <summary>All of it in one sentence.</summary>
    public string Summarize()
    {
        var what = $"{first.Field}: {first.Sentence}";
        return Count switch
        {
            0 => "Nothing is wrong.",
            1 => what,
            <= MaxKept => $"{Count} things are wrong, the first of them with {what}",
            _ => $"{Count} things are wrong, of which {MaxKept} are listed and {Omitted} more not, the first of them "
                + $"with {what}",
        };
    }

    /// <summary>The kept errors, in the order in which they were found.</summary>
    public Dictionary<string, string[]> ToDictionary() => kept.ToDictionary(e => e.Key, e => e.Value.ToArray());
}
