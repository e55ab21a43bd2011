using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Memory;

namespace WorkerMesh.Tests.Unit.Memory;

/// <summary>When a process is short of memory.</summary>
public sealed class MemoryLimitTests
{
    [Fact]
    public void It_is_not_while_there_is_enough()
    {
        var limit = new MemoryLimit(1L << 40, new FakeTimeProvider());

        Assert.False(limit.IsShort);
        Assert.False(limit.IsUsedUp);
    }

    [Fact]
    public void It_is_from_three_quarters_on_and_has_used_it_up_at_nine_tenths()
    {
        var kept = new byte[64 << 20];
        GC.Collect();
        var used = GC.GetGCMemoryInfo(GCKind.Any) is var info ? info.HeapSizeBytes - info.FragmentedBytes : 0;

        var half = new MemoryLimit(used * 2, new FakeTimeProvider());
        var most = new MemoryLimit(used / 20 * 19, new FakeTimeProvider());

        Assert.True(most.IsShort);
        Assert.True(most.IsUsedUp);
        Assert.False(half.IsUsedUp);
        GC.KeepAlive(kept);
    }

    [Fact]
    public void It_has_a_name_that_says_how_much() =>
        Assert.Equal("memory (192 MiB)", new MemoryLimit(192 << 20, new FakeTimeProvider()).Name);

    [Fact]
    public void That_of_a_process_is_known_before_its_first_collection() =>
        Assert.InRange(new MemoryLimit(new FakeTimeProvider()).Bytes, 64L << 20, long.MaxValue);
}
