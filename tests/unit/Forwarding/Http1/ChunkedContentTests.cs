using System.Text;
using WorkerMesh.Gateway.Forwarding.Http1;

namespace WorkerMesh.Tests.Unit.Forwarding.Http1;

/// <summary>Chunked content, cut at every byte and into single bytes.</summary>
public sealed class ChunkedContentTests
{
    public static TheoryData<string, string> WellFormed => new()
    {
        { "0\r\n", "" },
        { "5\r\nhello\r\n0\r\n", "hello" },
        { "00005\r\nhello\r\n000\r\n", "hello" },
        { "5;a=b\r\nhello\r\n0;c\r\n", "hello" },
        { "5 ;a=\"b;c\" \r\nhello\r\n0\r\n", "hello" },
        { "5 \r\nhello\r\n0\r\n", "hello" },
        { "2\r\n\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n", "\r\n01234567890123456789" },
    };

    public static TheoryData<string> Malformed =>
    [
        "\r\nhello",
        "5\nhello\r\n0\r\n",
        "5\r\nhello\n0\r\n",
        "5\r\nhello0\r\n",
        "3\r\nhello\r\n0\r\n",
        "5\r\nhello\r0\r\n",
        "5\r\rhello\r\n0\r\n",
        "0x5\r\nhello\r\n0\r\n",
        "+5\r\nhello\r\n0\r\n",
        "-5\r\nhello\r\n0\r\n",
        " 5\r\nhello\r\n0\r\n",
        "g\r\nhello\r\n0\r\n",
        ";a\r\nhello\r\n0\r\n",
        "5;a\nhello\r\n0\r\n",
        "5;a\0\r\nhello\r\n0\r\n",
        "5;a\rb\r\nhello\r\n0\r\n",
        "8000000000000000\r\n",
        "FFFFFFFFFFFFFFFF\r\n",
        "10000000000000005\r\nhello\r\n0\r\n",
        "00000000000000005\r\nhello\r\n0\r\n",
        "0\n",
    ];

    [Theory]
    [MemberData(nameof(WellFormed))]
    public void Content_is_the_same_wherever_it_is_cut(string text, string expected)
    {
        foreach (var pieces in Cuts(text))
        {
            Assert.Equal((Parsed.Whole, expected, ""), Read(pieces));
        }

        // And what follows is left.
        Assert.Equal((Parsed.Whole, expected, "\r\nnext"), Read([text + "\r\nnext"]));
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void What_is_no_chunk_is_refused_wherever_it_is_cut(string text)
    {
        foreach (var pieces in Cuts(text))
        {
            Assert.Equal(Parsed.Malformed, Read(pieces).Ended);
        }
    }

    [Fact]
    public void Extensions_are_bounded()
    {
        var longest = new string('a', ChunkedContent.MostExtensionBytes);
        Assert.Equal(Parsed.Whole, Read([$"0;{longest}\r\n"]).Ended);
        Assert.Equal(Parsed.Malformed, Read([$"0;{longest}a\r\n"]).Ended);
    }

    [Fact]
    public void A_chunk_larger_than_memory_is_passed_on_as_it_comes()
    {
        var chunks = default(ChunkedContent);
        Assert.Equal(Parsed.Part, chunks.Next("7FFFFFFFFFFFFFFF\r\nab"u8, out var framing, out var content));
        Assert.Equal((18, 2), (framing, content));
    }

    internal static (Parsed Ended, string Content, string Left) Read(IEnumerable<string> pieces)
    {
        var chunks = default(ChunkedContent);
        var content = new StringBuilder();
        var last = Parsed.Part;
        var left = "";
        foreach (var piece in pieces)
        {
            var bytes = Encoding.Latin1.GetBytes(piece).AsSpan();
            while (last == Parsed.Part && !bytes.IsEmpty)
            {
                last = chunks.Next(bytes, out var framing, out var count);
                content.Append(Encoding.Latin1.GetString(bytes.Slice(framing, count)));
                bytes = bytes[(framing + count)..];
            }

            left += Encoding.Latin1.GetString(bytes);
        }

        return (last, content.ToString(), left);
    }

    private static IEnumerable<string[]> Cuts(string text) => Enumerable.Range(0, text.Length + 1)
        .Select(cut => (string[])[text[..cut], text[cut..]])
        .Append([.. text.Select(c => c.ToString())]);
}
