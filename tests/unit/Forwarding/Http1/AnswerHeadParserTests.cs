using System.Text;
using WorkerMesh.Gateway.Forwarding.Http1;

namespace WorkerMesh.Tests.Unit.Forwarding.Http1;

/// <summary>
/// Heads of answers, whole and in two parts that are cut at every byte: a head is understood, or refused, the same way
/// wherever the network cuts it.
/// </summary>
public sealed class AnswerHeadParserTests
{
    /// <summary>Head, framing, length, whether the connection may be used again.</summary>
    public static TheoryData<string, string, long?, bool> WellFormed => new()
    {
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", nameof(Framing.Length), 5, true },
        { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", nameof(Framing.None), 0, true },
        { "HTTP/1.1 200 OK\r\ncontent-length:5\r\nCONTENT-LENGTH: 5 \r\n\r\n", nameof(Framing.Length), 5, true },
        { "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", nameof(Framing.Length), 5, true },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", nameof(Framing.Chunked), null, true },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\nContent-Length: 5\r\n\r\n", nameof(Framing.Chunked), null, false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", nameof(Framing.Chunked), null, false },
        { "HTTP/1.1 200 OK\r\n\r\n", nameof(Framing.UntilClose), null, false },
        { "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", nameof(Framing.Length), 1, true },
        { "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", nameof(Framing.Length), 1, true },
        { "HTTP/1.1 299 Any thing \xe4\r\nContent-Length: 1\r\nX-A:\r\nX-B: \xff\t!\r\n\r\n", nameof(Framing.Length), 1, true },
        { "HTTP/1.1 200 OK\nContent-Length: 5\n\n", nameof(Framing.Length), 5, true },
        { "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", nameof(Framing.None), 5, true },
        { "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", nameof(Framing.None), 5, true },
        { "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", nameof(Framing.None), null, true },
        { "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", nameof(Framing.None), null, true },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", nameof(Framing.Length), 5, false },
        { "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\n", nameof(Framing.Length), 5, false },
        { "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", nameof(Framing.Length), 5, false },
        { "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\n", nameof(Framing.Length), 5, true },
        { "HTTP/1.2 999 x\r\nContent-Length: 9223372036854775807\r\n\r\n", nameof(Framing.Length), long.MaxValue, true },
    };

    public static TheoryData<string> Malformed =>
    [
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X-A: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\r\n\tb: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX A: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\0A: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX(A): a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\xe4: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\x7f\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5.0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551621\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];

    [Theory]
    [MemberData(nameof(WellFormed))]
    public void Where_an_answer_ends_is_read_wherever_it_is_cut(string text, string framing, long? length, bool keepsAlive)
    {
        var bytes = Encoding.Latin1.GetBytes(text + "behind");
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var head = new AnswerHead();
            var scanned = 0;
            var first = AnswerHeadParser.Parse(bytes.AsSpan(0, cut), ref scanned, toHead: false, head);
            Assert.Equal(cut < text.Length ? Parsed.Part : Parsed.Whole, first);
            if (first == Parsed.Part)
            {
                Assert.Equal(Parsed.Whole, AnswerHeadParser.Parse(bytes, ref scanned, toHead: false, head));
            }

            Assert.Equal(
                (text.Length, framing, length, keepsAlive),
                (head.Bytes, head.Framing.ToString(), head.Length, head.KeepsAlive));
        }
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void What_may_be_read_in_two_ways_is_refused_wherever_it_is_cut(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var head = new AnswerHead();
            var scanned = 0;
            var first = AnswerHeadParser.Parse(bytes.AsSpan(0, cut), ref scanned, toHead: false, head);
            Assert.NotEqual(Parsed.Whole, first);
            if (first == Parsed.Part)
            {
                Assert.Equal(Parsed.Malformed, AnswerHeadParser.Parse(bytes, ref scanned, toHead: false, head));
            }
        }
    }

    [Fact]
    public void The_answer_to_HEAD_has_no_content_whatever_it_says()
    {
        var head = new AnswerHead();
        var scanned = 0;
        var text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"u8;
        Assert.Equal(Parsed.Whole, AnswerHeadParser.Parse(text, ref scanned, toHead: true, head));
        Assert.Equal((Framing.None, 5L, true), (head.Framing, head.Length, head.KeepsAlive));
    }

    [Theory]
    [InlineData(AnswerHead.MostFields, nameof(Parsed.Whole))]
    [InlineData(AnswerHead.MostFields + 1, nameof(Parsed.Malformed))]
    public void The_number_of_fields_is_bounded(int count, string expected)
    {
        var text = "HTTP/1.1 204 x\r\n" + string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: a\r\n")) + "\r\n";
        Assert.Equal(expected, Parse(text).ToString());
    }

    [Theory]
    [InlineData(AnswerHead.MostBytes, nameof(Parsed.Whole))]
    [InlineData(AnswerHead.MostBytes + 1, nameof(Parsed.Malformed))]
    public void The_length_of_a_head_is_bounded(int length, string expected)
    {
        const string begin = "HTTP/1.1 204 x\r\nX-A: ";
        Assert.Equal(expected, Parse(begin + new string('a', length - begin.Length - 4) + "\r\n\r\n").ToString());
        // Nor is it waited for.
        Assert.Equal(
            length > AnswerHead.MostBytes ? Parsed.Malformed : Parsed.Part,
            Parse(begin + new string('a', length - begin.Length - 1)));
    }

    [Fact]
    public void Another_protocol_is_refused_at_its_first_bytes()
    {
        Assert.Equal(Parsed.Malformed, Parse("SSH-2.0-"));
        Assert.Equal(Parsed.Part, Parse("HTT"));
    }

    private static Parsed Parse(string text)
    {
        var scanned = 0;
        return AnswerHeadParser.Parse(Encoding.Latin1.GetBytes(text), ref scanned, toHead: false, new());
    }
}
