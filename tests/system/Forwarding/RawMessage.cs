using System.Globalization;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>The head of an HTTP/1.1 message, taken apart by hand.</summary>
/// <param name="Line">Its first line.</param>
/// <param name="Fields">Its header fields by name, in any case.</param>
internal sealed record RawMessage(string Line, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>Reads the next head; null where the connection ended before it.</summary>
    /// <exception cref="IOException">It ended within.</exception>
    public static async Task<RawMessage?> ReadHeadAsync(MessageReader reader)
    {
        if (await reader.LineAsync() is not { } first)
        {
            return null;
        }

        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await LineAsync(reader) is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            fields[line[..colon]] = line[(colon + 1)..].Trim();
        }

        return new(first, fields);
    }

    /// <summary>Reads the content that belongs to a head.</summary>
    /// <exception cref="IOException">The connection ended within.</exception>
    /// <param name="reader">Where the head was read.</param>
    /// <param name="head">It.</param>
    /// <param name="untilClose">Whether, where the head does not say how long it is, the end of the connection ends it.</param>
    public static async Task<string> ReadContentAsync(MessageReader reader, RawMessage head, bool untilClose)
    {
        if (!head.Fields.ContainsKey("Transfer-Encoding"))
        {
            return head.Fields.TryGetValue("Content-Length", out var length)
                ? await reader.BytesAsync(int.Parse(length, CultureInfo.InvariantCulture))
                : untilClose ? await reader.RestAsync() : "";
        }

        var content = await reader.ChunksAsync();
        Assert.Equal("", await LineAsync(reader));
        return content;
    }

    private static async Task<string> LineAsync(MessageReader reader) =>
        await reader.LineAsync() ?? throw new IOException("The connection ended within a message.");
}
