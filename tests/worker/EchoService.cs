using System.Globalization;
using Grpc.Core;
using WorkerMesh.Tests.Worker.Grpc;

namespace WorkerMesh.Tests.Worker;

/// <summary>The gRPC worker. What a test has to wait for it writes to its output.</summary>
internal sealed class EchoService : Echo.EchoBase
{
    public override Task<Message> Once(Message request, ServerCallContext context)
    {
        Count(context, 1);
        return Task.FromResult(request);
    }

    public override async Task Many(Message request, IServerStreamWriter<Message> responseStream, ServerCallContext context)
    {
        Count(context, 1);
        for (var i = 0; i < request.Number; i++)
        {
            await responseStream.WriteAsync(new() { Text = request.Text, Number = i }, context.CancellationToken);
        }
    }

    public override async Task<Message> Collect(IAsyncStreamReader<Message> requestStream, ServerCallContext context)
    {
        var (sum, count) = (0L, 0);
        await foreach (var message in requestStream.ReadAllAsync(context.CancellationToken))
        {
            (sum, count) = (sum + message.Number, count + 1);
        }

        Count(context, count);
        return new() { Number = sum };
    }

    public override async Task Each(
        IAsyncStreamReader<Message> requestStream, IServerStreamWriter<Message> responseStream, ServerCallContext context)
    {
        var count = 0;
        await foreach (var message in requestStream.ReadAllAsync(context.CancellationToken))
        {
            count++;
            await responseStream.WriteAsync(message, context.CancellationToken);
        }

        Count(context, count);
    }

    public override async Task<Message> Never(Message request, ServerCallContext context)
    {
        Console.WriteLine($"never began {request.Text}");
        using var cancelled = context.CancellationToken.UnsafeRegister(
            static text => Console.WriteLine($"never cancelled {text}"), request.Text);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
        return request;
    }

    public override Task<Message> Fail(Message request, ServerCallContext context)
    {
        Count(context, 1);
        throw new RpcException(new((StatusCode)request.Number, request.Text), new Metadata { { "mesh-reason", request.Text } });
    }

    private static void Count(ServerCallContext context, int received) =>
        context.ResponseTrailers.Add("mesh-count", received.ToString(CultureInfo.InvariantCulture));
}
