using System.Globalization;
using System.Text;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>Takes HTTP/1.1 apart as strictly as RFC 9112 has it; each byte is a character. Ends the connection when disposed.</summary>
internal sealed class MessageReader(Stream connection) : IDisposable
{
    private readonly BufferedStream _stream = new(connection);
    private readonly byte[] _one = new byte[1];

    /// <summary>A line without the CR LF that ends it; null at the end.</summary>
    /// <exception cref="IOException">The connection ended within it.</exception>
    public async Task<string?> LineAsync()
    {
        var line = new StringBuilder();
        while (await _stream.ReadAsync(_one) > 0)
        {
            line.Append((char)_one[0]);
            if (_one[0] == '\n' && line is [.., '\r', '\n'])
            {
                return line.ToString(0, line.Length - 2);
            }
        }

        return line.Length == 0 ? null : throw new IOException($"Broke off in '{line}'.");
    }

    /// <summary>Exactly so many.</summary>
    /// <exception cref="IOException">The connection ended before.</exception>
    public async Task<string> BytesAsync(int count)
    {
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes);
        return Encoding.Latin1.GetString(bytes);
    }

    /// <summary>What chunks hold, to the line that begins the last one; trailers follow, and an empty line.</summary>
    /// <exception cref="IOException">The connection ended before.</exception>
    public async Task<string> ChunksAsync()
    {
        var content = new StringBuilder();
        while (await LineAsync() is var size
            && int.Parse(size ?? throw new IOException("Broke off between chunks."), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) is var count and > 0)
        {
            content.Append(await BytesAsync(count));
            Assert.Equal("", await LineAsync() ?? throw new IOException("Broke off behind a chunk."));
        }

        return content.ToString();
    }

    /// <summary>All up to the end of the connection.</summary>
    public async Task<string> RestAsync()
    {
        var rest = new MemoryStream();
        await _stream.CopyToAsync(rest);
        return Encoding.Latin1.GetString(rest.ToArray());
    }

    /// <summary>Waits for something, and takes so much of it at most.</summary>
    public async Task SomeAsync(int most) => await _stream.ReadAtLeastAsync(new byte[most], 1, throwOnEndOfStream: false);

    public void Dispose() => _stream.Dispose();
}
