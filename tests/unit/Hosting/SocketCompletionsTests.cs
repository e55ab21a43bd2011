using Microsoft.AspNetCore.Http;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Tests.Unit.Hosting;

/// <summary>What may block leaves the threads of the sockets.</summary>
public sealed class SocketCompletionsTests
{
    [Theory]
    [InlineData("GET", "/service/a", true)]
    [InlineData("GET", "/service/a/b", true)]
    [InlineData("GET", "/Service/a", true)]
    [InlineData("GET", "/service", false)]
    [InlineData("GET", "/services", false)]
    [InlineData("GET", "/api/services/a", true)]
    [InlineData("GET", "/api/services", false)]
    [InlineData("GET", "/api/services/a/events", false)]
    [InlineData("GET", "/api/services/a?wait=5", false)]
    [InlineData("GET", "/api/services/find/a", false)]
    [InlineData("POST", "/api/services/a", false)]
    [InlineData("GET", "/metrics", false)]
    [InlineData("GET", "/dashboard", false)]
    [InlineData("POST", "/api/workers/a/heartbeat", true)]
    [InlineData("GET", "/api/workers/a/heartbeat", false)]
    [InlineData("POST", "/api/workers//heartbeat", false)]
    [InlineData("POST", "/api/workers/heartbeat", false)]
    [InlineData("POST", "/api/workers/heartbeats", false)]
    [InlineData("POST", "/api/workers/a/drain", false)]
    [InlineData("POST", "/api/workers/a/b/heartbeat", false)]
    [InlineData("PUT", "/api/workers/a", true)]
    [InlineData("PUT", "/api/workers/", false)]
    [InlineData("PUT", "/api/workers/a/b", false)]
    [InlineData("GET", "/api/workers/a", false)]
    public void Only_heartbeats_registrations_lists_and_what_is_forwarded_stay_on_the_thread(string method, string path, bool stays)
    {
        var (here, there) = (0, 0);
        var thread = new Thread(() =>
        {
            var context = new DefaultHttpContext();
            var query = path.IndexOf('?', StringComparison.Ordinal);
            (context.Request.Method, context.Request.Path) = (method, query < 0 ? path : path[..query]);
            context.Request.QueryString = new(query < 0 ? null : path[query..]);
            here = Environment.CurrentManagedThreadId;
            using var ran = new ManualResetEventSlim();
            _ = SocketCompletions.LeaveSocketThread(context, _ =>
            {
                there = Environment.CurrentManagedThreadId;
                ran.Set();
                return Task.CompletedTask;
            });
            ran.Wait(TimeSpan.FromSeconds(30));
        });
        thread.Start();
        thread.Join();
        Assert.NotEqual(0, there);
        Assert.Equal(stays, here == there);
    }

    [Fact]
    public async Task A_reader_of_the_stream_goes_on_in_the_pool()
    {
        var arrives = new TaskCompletionSource<int>();
        await using var stream = new OffSocketThreadStream(new Waiting(arrives.Task));
        var reading = ReadAsync(stream);
        // Completes it with what waits for it, as the thread of a socket would.
        var thread = new Thread(() => arrives.SetResult(3));
        thread.Start();
        var (read, onPool) = await reading;
        thread.Join();
        Assert.Equal((3, true), (read, onPool));
    }

    [Fact]
    public async Task A_fault_of_the_stream_is_passed_on()
    {
        var arrives = new TaskCompletionSource<int>();
        await using var stream = new OffSocketThreadStream(new Waiting(arrives.Task));
        var reading = ReadAsync(stream);
        arrives.SetException(new IOException("reset"));
        await Assert.ThrowsAsync<IOException>(() => reading);
    }

    private static async Task<(int Read, bool OnPool)> ReadAsync(OffSocketThreadStream stream)
    {
        var read = await stream.ReadAsync(new byte[10]).ConfigureAwait(false);
        return (read, Thread.CurrentThread.IsThreadPoolThread);
    }

    private sealed class Waiting(Task<int> arrives) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(arrives);
    }
}
