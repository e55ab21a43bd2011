using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class RequestWishesTests
{
    [Fact]
    public void Without_headers_a_request_asks_for_nothing()
    {
        Assert.Null(RequestWishes.Read(new HeaderDictionary(), out var wishes));
        Assert.Equal(default, wishes);
    }

    [Theory]
    [InlineData("X-Mesh-Priority", "high", true)]
    [InlineData("X-Mesh-Priority", "HIGH", true)]
    [InlineData("X-Mesh-Priority", "normal", true)]
    [InlineData("X-Mesh-Priority", "", false)]
    [InlineData("X-Mesh-Priority", "low", false)]
    [InlineData("X-Mesh-Priority", "high, normal", false)]
    [InlineData("X-Mesh-Affinity", "k", true)]
    [InlineData("X-Mesh-Affinity", "", false)]
    [InlineData("X-Mesh-Explain", "1", true)]
    [InlineData("X-Mesh-Explain", "0", true)]
    [InlineData("X-Mesh-Explain", "yes", false)]
    public void Bad_values_are_named(string header, string value, bool good)
    {
        var errors = Read(header, value, out _);
        Assert.Equal(good ? [] : [header], errors?.ToDictionary().Keys.ToArray() ?? []);
    }

    [Theory]
    [InlineData("X-Mesh-Priority")]
    [InlineData("X-Mesh-Affinity")]
    [InlineData("X-Mesh-Explain")]
    public void Twice_is_wrong(string header) => Assert.NotNull(Read(header, new(["1", "1"]), out _));

    [Fact]
    public void What_is_asked_for_is_read()
    {
        Read("X-Mesh-Priority", "high", out var urgent);
        Assert.True(urgent.IsUrgent);
        Read("X-Mesh-Explain", "1", out var explained);
        Assert.True(explained.Explain);
        Read("X-Mesh-Affinity", "user 7", out var keyed);
        Assert.Equal(AffinityTable.HashOf("user 7"), keyed.Affinity);
    }

    [Theory]
    [InlineData('a', 256, true)]
    [InlineData('a', 257, false)]
    // Two bytes each.
    [InlineData('é', 128, true)]
    [InlineData('é', 129, false)]
    public void Keys_are_as_long_as_their_bytes(char character, int count, bool good) =>
        Assert.Equal(good, Read("X-Mesh-Affinity", new string(character, count), out _) is null);

    private static Gateway.Reading.FieldErrors? Read(string header, StringValues value, out RequestWishes wishes) =>
        RequestWishes.Read(new HeaderDictionary { [header] = value }, out wishes);
}
