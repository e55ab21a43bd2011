using System.IO.Pipelines;
using WorkerMesh.Gateway.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

public sealed class FairReaderTests
{
    [Fact]
    public async Task A_client_reads_64_times_in_a_row_on_one_thread()
    {
        var client = await ClientAsync();
        using var turns = new HeldTurns();
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(64, ReadsAtOnce(client, turns));
        }
    }

    [Fact]
    public async Task Clients_that_take_turns_are_not_interrupted()
    {
        PipeReader[] clients = [await ClientAsync(), await ClientAsync()];
        using var turns = new HeldTurns();
        for (var i = 0; i < 300; i++)
        {
            Assert.True(TryReadAtOnce(clients[i / 50 % 2], turns), $"{i}");
        }
    }

    [Fact]
    public async Task What_is_read_after_that_is_what_was_sent()
    {
        var pipe = new Pipe();
        var reader = FairReader.Around(new Transport(pipe.Reader, pipe.Writer)).Input;
        for (var i = 0; i < 500; i++)
        {
            await pipe.Writer.WriteAsync(new[] { (byte)i }, TestContext.Current.CancellationToken);
            var read = await reader.ReadAsync(TestContext.Current.CancellationToken);
            Assert.Equal((1, (byte)i), (read.Buffer.Length, read.Buffer.FirstSpan[0]));
            reader.AdvanceTo(read.Buffer.End);
        }

        await pipe.Writer.CompleteAsync();
        Assert.True((await reader.ReadAsync(TestContext.Current.CancellationToken)).IsCompleted);
    }

    /// <summary>The next of its requests is always there.</summary>
    private static async Task<PipeReader> ClientAsync()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(new byte[10], TestContext.Current.CancellationToken);
        return FairReader.Around(new Transport(pipe.Reader, pipe.Writer)).Input;
    }

    private static int ReadsAtOnce(PipeReader client, HeldTurns turns)
    {
        var count = 0;
        while (TryReadAtOnce(client, turns))
        {
            count++;
        }

        return count;
    }

    private static bool TryReadAtOnce(PipeReader client, HeldTurns turns)
    {
        var read = client.ReadAsync().AsTask();
        var atOnce = read.IsCompleted;
        turns.Run();
        client.AdvanceTo(read.GetAwaiter().GetResult().Buffer.Start);
        return atOnce;
    }

    private sealed class Transport(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
