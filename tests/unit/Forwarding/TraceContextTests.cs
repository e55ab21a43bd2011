using System.Text;
using Microsoft.Extensions.Primitives;
using WorkerMesh.Gateway.Forwarding;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class TraceContextTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Parent = "00f067aa0ba902b7";

    [Theory]
    [InlineData($"00-{Trace}-{Parent}-01", "01")]
    [InlineData($"00-{Trace}-{Parent}-00", "00")]
    [InlineData($"cc-{Trace}-{Parent}-01-what-comes-later", "01")]
    public void A_trace_goes_on_with_a_new_parent(string received, string flags)
    {
        var (written, isTraced) = Write(received);
        Assert.StartsWith($"00-{Trace}-", written, StringComparison.Ordinal);
        Assert.EndsWith($"-{flags}", written, StringComparison.Ordinal);
        Assert.DoesNotContain(Parent, written, StringComparison.Ordinal);
        Assert.True(isTraced);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData($"ff-{Trace}-{Parent}-01")]
    [InlineData($"00-{Trace}-{Parent}-0")]
    [InlineData($"00-{Trace}-{Parent}-01-more")]
    [InlineData($"cc-{Trace}-{Parent}-01more")]
    [InlineData($"00-00000000000000000000000000000000-{Parent}-01")]
    [InlineData($"00-{Trace}-0000000000000000-01")]
    [InlineData("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")]
    [InlineData($"00_{Trace}-{Parent}-01")]
    [InlineData($"00-{Trace}_{Parent}-01")]
    [InlineData($"00-{Trace}-{Parent}_01")]
    public void What_is_no_trace_is_replaced_by_a_new_one(string? received)
    {
        var (first, isTraced) = Write(received);
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", first);
        Assert.DoesNotContain(Trace, first, StringComparison.Ordinal);
        Assert.NotEqual(first, Write(received).Value);
        Assert.False(isTraced);
    }

    [Fact]
    public void Two_values_are_no_trace()
    {
        var one = $"00-{Trace}-{Parent}-01";
        Assert.False(Write(new([one, one])).IsTraced);
    }

    private static (string Value, bool IsTraced) Write(StringValues received)
    {
        Span<byte> value = stackalloc byte[TraceContext.ParentLength];
        var isTraced = TraceContext.Write(received, value);
        return (Encoding.ASCII.GetString(value), isTraced);
    }
}
