using Grpc.Core;
using Grpc.Net.Client;
using WorkerMesh.Tests.Worker.Grpc;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>gRPC calls of each kind, by a client and to a server that know nothing of what is between them.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class GrpcTests(EmbeddedMesh mesh) : IAsyncLifetime
{
    private const int Messages = 1000;

    private WorkerProcess _worker = null!;
    private Service _service = null!;
    private GrpcChannel _channel = null!;
    private Echo.EchoClient _client = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _worker = await WorkerProcess.StartAsync("grpc", "--grpc=1");
        _service = mesh.NewService("grpc");
        await _service.RegisterAsync(_worker);
        _channel = GrpcChannel.ForAddress(mesh.Api.Address, new()
        {
            HttpHandler = new BelowPath(
                _service.Path, new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null }),
        });
        _client = new(_channel);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _service.DisposeAsync();
        await _worker.DisposeAsync();
    }

    [Fact]
    public async Task A_unary_call_is_answered_with_headers_and_trailers()
    {
        using var call = _client.OnceAsync(new() { Text = "héllo", Number = 7 }, cancellationToken: Token);
        Assert.Equal(_service.IdOf(_worker), (await call.ResponseHeadersAsync).GetValue("x-mesh-worker"));
        Assert.Equal(new() { Text = "héllo", Number = 7 }, await call.ResponseAsync);
        Assert.Equal("1", call.GetTrailers().GetValue("mesh-count"));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_message_of_megabytes_passes_both_ways()
    {
        var text = new string('x', 3_000_000);
        Assert.Equal(text, (await _client.OnceAsync(new() { Text = text }, cancellationToken: Token)).Text);
    }

    [Fact]
    public async Task A_server_streams()
    {
        using var call = _client.Many(new() { Text = "m", Number = Messages }, cancellationToken: Token);
        var expected = 0L;
        await foreach (var message in call.ResponseStream.ReadAllAsync(Token))
        {
            Assert.Equal(expected++, message.Number);
        }

        Assert.Equal(Messages, expected);
        Assert.Equal("1", call.GetTrailers().GetValue("mesh-count"));
    }

    [Fact]
    public async Task A_client_streams()
    {
        using var call = _client.Collect(cancellationToken: Token);
        for (var i = 1; i <= Messages; i++)
        {
            await call.RequestStream.WriteAsync(new() { Number = i }, Token);
        }

        await call.RequestStream.CompleteAsync();
        Assert.Equal(Messages * (Messages + 1) / 2, (await call.ResponseAsync).Number);
        Assert.Equal($"{Messages}", call.GetTrailers().GetValue("mesh-count"));
    }

    [Fact]
    public async Task Both_stream_and_each_message_is_answered_before_the_next_is_sent()
    {
        using var call = _client.Each(cancellationToken: Token);
        for (var i = 0; i < Messages; i++)
        {
            await call.RequestStream.WriteAsync(new() { Number = i }, Token);
            Assert.True(await call.ResponseStream.MoveNext(Token));
            Assert.Equal(i, call.ResponseStream.Current.Number);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Token));
        Assert.Equal($"{Messages}", call.GetTrailers().GetValue("mesh-count"));
    }

    [Fact]
    public async Task A_failed_call_keeps_its_status_and_trailers()
    {
        var failed = await Assert.ThrowsAsync<RpcException>(async () => await _client.FailAsync(
            new() { Text = "no such thing", Number = (int)StatusCode.NotFound }, cancellationToken: Token));
        Assert.Equal((StatusCode.NotFound, "no such thing"), (failed.StatusCode, failed.Status.Detail));
        Assert.Equal("no such thing", failed.Trailers.GetValue("mesh-reason"));
    }

    [Fact]
    public async Task A_deadline_ends_the_call_on_both_sides()
    {
        var late = await Assert.ThrowsAsync<RpcException>(async () => await _client.NeverAsync(
            new() { Text = "deadline" }, deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(0.5), cancellationToken: Token));
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
        await _worker.Process.LineAsync("never cancelled deadline", TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_client_that_cancels_cancels_the_worker()
    {
        using var leave = new CancellationTokenSource();
        var call = _client.NeverAsync(new() { Text = "leave" }, cancellationToken: leave.Token).ResponseAsync;
        await _worker.Process.LineAsync("never began leave");
        await leave.CancelAsync();
        await _worker.Process.LineAsync("never cancelled leave", TimeSpan.FromSeconds(1));
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
    }
}
