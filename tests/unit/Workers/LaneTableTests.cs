using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Registry;

namespace WorkerMesh.Tests.Unit.Workers;

public sealed class LaneTableTests
{
    private readonly LaneTable<Lane> lanes = new(key => new(key));

    [Fact]
    public void Those_that_are_not_used_are_given_up_and_others_take_their_place()
    {
        var (idle, used) = (lanes.Of(Sample.Ocr), lanes.Of(Sample.Echo));
        Assert.Same(idle, lanes.Of(Sample.Ocr));
        idle.IsIdle = true;

        lanes.Sweep();

        Assert.Equal([used], lanes.All);
        var next = lanes.Of(Sample.Ocr);
        Assert.NotSame(idle, next);
        Assert.Equal(Sample.Ocr, next.Key);
    }

    [Fact]
    public void Who_meets_one_that_retires_gets_the_next()
    {
        var retired = lanes.Of(Sample.Ocr);
        var next = lanes.Next(Sample.Ocr, retired);
        Assert.NotSame(retired, next);
        Assert.Same(next, lanes.Next(Sample.Ocr, retired));
        Assert.Same(next, lanes.Of(Sample.Ocr));
    }

    private sealed class Lane(ServiceType key) : ILane
    {
        public ServiceType Key => key;

        public bool IsIdle { get; set; }

        public bool TryRetire() => IsIdle;
    }
}
