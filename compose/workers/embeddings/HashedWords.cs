using System.Text;

namespace WorkerMesh.Examples.Embeddings;

/// <summary>
/// Turns a text into a vector by counting its words at hashed places (feature hashing; Weinberger et al., 2009), scaled to
/// length 1: texts that share words are near each other. Needs no model, so the example starts anywhere.
/// </summary>
internal static class HashedWords
{
    private const int Dimensions = 64;

    public static double[] Of(string text)
    {
        var vector = new double[Dimensions];
        foreach (var word in text.ToLowerInvariant().Split([' ', '\t', '\n', '.', ',', ';', ':', '!', '?'], StringSplitOptions.RemoveEmptyEntries))
        {
            vector[Hash(word) % Dimensions] += 1;
        }

        var length = Math.Sqrt(vector.Sum(x => x * x));
        return length == 0 ? vector : [.. vector.Select(x => Math.Round(x / length, 6))];
    }

    /// <summary>FNV-1a: equal in every process, unlike <see cref="string.GetHashCode()"/>.</summary>
    private static uint Hash(string word) =>
        Encoding.UTF8.GetBytes(word).Aggregate(2166136261, (hash, b) => unchecked((hash ^ b) * 16777619));
}
