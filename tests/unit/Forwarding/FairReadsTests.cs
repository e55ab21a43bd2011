using WorkerMesh.Gateway.Forwarding;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class FairReadsTests
{
    [Fact]
    public async Task After_64_reads_that_were_there_at_once_others_have_their_turn()
    {
        var reads = new FairReads();
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 63; i++)
            {
                var read = reads.Count(new(i));
                Assert.True(read.IsCompletedSuccessfully);
                Assert.Equal(i, await read);
            }

            var (atOnce, later) = await OnThread(() => reads.Count(new(100)));
            Assert.Equal(100, later);
            Assert.False(atOnce, "It went on at once.");
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

    /// <summary>Whether a read, begun on a thread of its own, is completed when it is returned; and what it brings.</summary>
    private static async Task<(bool AtOnce, int Read)> OnThread(Func<ValueTask<int>> begin)
    {
        var (atOnce, read) = (false, Task.FromResult(0));
        var thread = new Thread(() =>
        {
            var begun = begin();
            atOnce = begun.IsCompleted;
            read = begun.AsTask();
        });
        thread.Start();
        thread.Join();
        return (atOnce, await read);
    }
}
