using System.Text;
using WorkerMesh.Gateway.Forwarding.Http1;

namespace WorkerMesh.Tests.Unit.Forwarding.Http1;

/// <summary>
/// Answers with bytes changed, lost, doubled and put in at random: no reader throws, and however the network cuts them,
/// they are understood the same way or refused. A failure names its seed.
/// </summary>
public sealed class AnswerFuzzTests
{
    private const int Rounds = 20_000;

    private static readonly string[] Seeds =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive, X-A\r\n\r\n",
        "HTTP/1.0 304 Not Modified\nETag: \"a\"\n\n",
        "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: close\r\n\r\n",
    ];

    private static readonly string[] Chunks = ["5\r\nhello\r\n0\r\n", "a;b=c\r\n0123456789\r\n1\r\nx\r\n00\r\n"];

    private static readonly string Interesting = "\r\n\t :;,\0\x7f\xff0159afAF+-xHTPcC\"";

    [Fact]
    public void Changed_heads_are_read_the_same_way_wherever_they_are_cut()
    {
        var (whole, malformed) = (0, 0);
        for (var seed = 0; seed < Rounds; seed++)
        {
            var random = new Random(seed);
            var text = Mutate(random, Seeds[random.Next(Seeds.Length)]);
            var bytes = Encoding.Latin1.GetBytes(text);
            var once = Read(bytes, [bytes.Length]);
            var cuts = Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(bytes.Length + 1)).Order().Append(bytes.Length);
            var pieces = Read(bytes, cuts);
            Assert.True(once == pieces, $"Seed {seed}, {Shown(text)}: {once}, in pieces {pieces}");
            whole += once.Ended == Parsed.Whole ? 1 : 0;
            malformed += once.Ended == Parsed.Malformed ? 1 : 0;
        }

        // It looks at both.
        Assert.InRange(whole, Rounds / 20, Rounds);
        Assert.InRange(malformed, Rounds / 20, Rounds);
    }

    [Fact]
    public void Changed_chunks_are_read_the_same_way_wherever_they_are_cut()
    {
        for (var seed = 0; seed < Rounds; seed++)
        {
            var random = new Random(seed);
            var text = Mutate(random, Chunks[random.Next(Chunks.Length)]);
            var once = ChunkedContentTests.Read([text]);
            var cut = random.Next(text.Length + 1);
            foreach (var pieces in (string[][])[[text[..cut], text[cut..]], [.. text.Select(c => c.ToString())]])
            {
                var again = ChunkedContentTests.Read(pieces);
                Assert.True(
                    once.Ended == again.Ended && (once.Ended == Parsed.Malformed || once.Content == again.Content),
                    $"Seed {seed}, {Shown(text)}: {once}, in pieces {again}");
            }
        }
    }

    private static (Parsed Ended, int Bytes, Framing Framing, long? Length, bool KeepsAlive, int Fields) Read(
        byte[] bytes, IEnumerable<int> cuts)
    {
        var head = new AnswerHead();
        var scanned = 0;
        var parsed = Parsed.Part;
        foreach (var cut in cuts)
        {
            parsed = AnswerHeadParser.Parse(bytes.AsSpan(0, cut), ref scanned, toHead: false, head);
            if (parsed != Parsed.Part)
            {
                break;
            }
        }

        return parsed == Parsed.Whole
            ? (parsed, head.Bytes, head.Framing, head.Length, head.KeepsAlive, head.FieldCount)
            : (parsed, 0, default, null, false, 0);
    }

    private static string Mutate(Random random, string text)
    {
        var changed = new StringBuilder(text);
        for (var changes = random.Next(4); changes > 0 && changed.Length > 0; changes--)
        {
            var at = random.Next(changed.Length);
            var other = Interesting[random.Next(Interesting.Length)];
            switch (random.Next(5))
            {
                case 0:
                    changed[at] = other;
                    break;
                case 1:
                    changed.Insert(at, other);
                    break;
                case 2:
                    changed.Remove(at, 1);
                    break;
                case 3:
                    changed.Insert(at, changed.ToString(at, random.Next(changed.Length - at)));
                    break;
                default:
                    changed.Length = at;
                    break;
            }
        }

        return changed.ToString();
    }

    private static string Shown(string text) => Uri.EscapeDataString(text);
}
