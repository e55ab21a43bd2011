using System.Text;
using System.Text.Json;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Routing;
using Instance = WorkerMesh.Gateway.Routing.Instance;

namespace WorkerMesh.Tests.Unit.Api;

/// <summary>What is written by hand is, byte for byte, what the serializer writes of the documented body.</summary>
public sealed class ListingWriterTests
{
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(5);
    private static readonly JsonSerializerOptions Json = Options();

    [Fact]
    public void Every_member_is_written_as_the_serializer_does()
    {
        var odd = Sample.Registration("zone <ü> \"1\"", 7, 3) with
        {
            Urls = ["http://127.0.0.1:1/a?b='c'&d=é", "http://[::1]:2/\\"],
            Capabilities = """{"models": ["ä", "<b>"], "gpu": {"n": 1.50}, "none": null}""",
        };
        var busy = new Instance(new(WorkerId.Parse("odd")), new(long.MaxValue, odd, WorkerState.Degraded, 1.0 / 3, 12, 1, true));
        Assert.True(busy.Link.TryEnter(3));
        busy.Link.Prefer(1);
        busy.Link.Answered(0.0123456789, Now);
        busy.Link.Busy(TimeSpan.FromSeconds(1), Now);
        busy.Link.SetAside(Now);
        Instance[] instances =
        [
            Sample.Instance("plain"),
            busy,
            Sample.Instance("draining", WorkerState.Draining, load: 1e-9),
            Sample.Instance("offline", WorkerState.Offline, weight: 100, load: 1e21),
        ];
        Check(instances);
        Check(instances[..1]);
        Check([]);
    }

    [Fact]
    public void A_long_list_is_whole_and_the_next_short_one_too()
    {
        var many = Enumerable.Range(0, 5_000).Select(n => Sample.Instance($"w{n}")).ToArray();
        Check(many);
        Check(many[..2]);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(4_000, true)]
    [InlineData(1_000_000, false)]
    public void It_is_written_where_there_is_room_but_not_where_there_is_far_too_much(int length, bool there)
    {
        var room = new byte[length];
        var ranked = Enumerable.Range(0, 8).Select(n => new RankedInstance(Sample.Instance($"w{n}"), Now)).ToArray();
        var text = ListingWriter.Write(Sample.Route(new()), 42, ranked, Now, room);
        Assert.InRange(text.Count, 1_001, 4_000);
        Assert.Equal(there, ReferenceEquals(room, text.Array));
        Assert.Equal(ListingWriter.Write(Sample.Route(new()), 42, ranked, Now).ToArray(), text.ToArray());
    }

    private static void Check(Instance[] instances)
    {
        var route = Sample.Route(new());
        var body = new InstancesBody(route.ServiceType.Value, 42, instances.Select(i => Wire.Of(i, Now)), instances.Length);
        var ranked = instances.Select(i => new RankedInstance(i, Now)).ToArray();
        Assert.Equal(
            JsonSerializer.Serialize(body, Json), Encoding.UTF8.GetString(ListingWriter.Write(route, 42, ranked, Now)));
    }

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        JsonOptions.Apply(options);
        return options;
    }
}
