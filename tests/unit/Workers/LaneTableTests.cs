using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Registry;

namespace WorkerMesh.Tests.Unit.Workers;

public sealed class LaneTableTests
{
    private readonly LaneTable<Taker> lanes = new(key => new(key));

    [Fact]
    public void Those_that_are_not_used_are_given_up_and_others_take_their_place()
    {
        var (idle, used, busy) = (Give(Sample.Ocr), Give(Sample.Echo), Give(Ner));
        Assert.Same(idle, Give(Sample.Ocr));
        lanes.Sweep();
        Assert.Equal(3, lanes.All.Count());
        Assert.Same(used, Give(Sample.Echo));
        busy.Sends = true;

        lanes.Sweep();

        Assert.Equal([used.Key, Ner], lanes.All.Select(lane => lane.Key).OrderBy(key => key.Value));
        var next = Give(Sample.Ocr);
        Assert.NotSame(idle, next);
        Assert.Equal(Sample.Ocr, next.Key);
    }

    [Fact]
    public void Who_meets_one_that_retires_gets_the_next()
    {
        var retired = Give(Sample.Ocr);
        Assert.False(retired.TryRetire());
        Assert.True(retired.TryRetire());
        var next = Give(Sample.Ocr);
        Assert.NotSame(retired, next);
        Assert.Same(next, Give(Sample.Ocr));
    }

    private static ServiceType Ner => ServiceType.ParseKey("ner");

    private Taker Give(ServiceType key) => lanes.Use(key, 1, static (lane, _) => lane.TryTake() ? lane : null);

    private sealed class Taker(ServiceType key) : Lane
    {
        public ServiceType Key => key;

        public bool Sends { get; set; }

        protected override bool IsBusy => Sends;

        public bool TryTake()
        {
            lock (Gate)
            {
                return TryUse();
            }
        }
    }
}
