using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Tests.Unit.Hosting;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class FairReadsTests
{
    [Fact]
    public async Task After_64_reads_that_were_there_at_once_others_have_their_turn()
    {
        using var turns = new HeldTurns();
        var reads = new FairReads();
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 63; i++)
            {
                var read = reads.Count(new(i)).AsTask();
                Assert.True(read.IsCompletedSuccessfully);
                Assert.Equal(i, await read);
            }

            var later = reads.Count(new(100)).AsTask();
            Assert.False(later.IsCompleted, "It went on at once.");
            turns.Run();
            Assert.True(later.IsCompletedSuccessfully);
            Assert.Equal(100, await later);
        }
    }

    [Fact]
    public async Task A_read_that_has_to_wait_begins_anew()
    {
        var reads = new FairReads();
        for (var i = 0; i < 200; i++)
        {
            var pending = new TaskCompletionSource<int>();
            var read = reads.Count(i % 50 == 0 ? new(pending.Task) : new(i));
            Assert.Equal(i % 50 != 0, read.IsCompleted);
            pending.SetResult(i);
            Assert.Equal(i, await read);
        }
    }
}
