using System.Text;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// The strings of the last values of well-known fields. A worker says the same in most of its answers: what it is, what
/// type the content has, and, within a second, the date.
/// </summary>
internal sealed class ValueCache
{
    private const int Longest = 128;

    private readonly string?[] last = new string?[FieldNames.Count];

    /// <summary>The value of a field as a string; bytes above 127 are Latin-1, as the server writes them again.</summary>
    public string Get(int name, ReadOnlySpan<byte> value)
    {
        if (name < 0 || value.Length > Longest)
        {
            return Encoding.Latin1.GetString(value);
        }

        if (last[name] is { } known && Ascii.Equals(value, known))
        {
            return known;
        }

        return last[name] = Encoding.Latin1.GetString(value);
    }
}
