using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>A client that has the next request there before the last is answered does not keep the others from theirs.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class FairnessTests(EmbeddedMesh mesh)
{
    /// <summary>As many as there are threads that hear of sockets.</summary>
    private static readonly int Greedy = Environment.ProcessorCount;

    /// <summary>On every such thread several.</summary>
    private const int Others = 16;
    private const int AnswersEach = 50;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory(Timeout = 60_000)]
    [InlineData("true", "list")]
    [InlineData("true", "heartbeat")]
    [InlineData("true", "forwarded")]
    [InlineData("false", "list")]
    public async Task Clients_that_never_pause_hold_up_nobody(string inline, string what)
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__InlineCompletions", inline));
        await using var worker = await WorkerProcess.StartAsync("w");
        await using var service = mesh.NewService("greedy");
        foreach (var i in Enumerable.Range(0, 10))
        {
            (await service.PutAsync(gateway.Api, service.IdOf($"w{i}"), service.Registration(worker.Url))).Expect(201);
        }

        var request = what switch
        {
            "list" => $"GET /api/services/{service.Name} HTTP/1.1\r\nHost: mesh\r\n\r\n",
            "heartbeat" => $"POST /api/workers/{service.IdOf("w0")}/heartbeat HTTP/1.1\r\nHost: mesh\r\nContent-Length: 2\r\n\r\n{{}}",
            _ => $"GET {service.Path} HTTP/1.1\r\nHost: mesh\r\n\r\n",
        };

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var greedy = Enumerable.Range(0, Greedy).Select(_ => GreedAsync(gateway.Api.Address, request, ended.Token)).ToList();
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Others).Select(async _ =>
            {
                // A connection of its own.
                using var client = new HttpClient { BaseAddress = gateway.Api.Address };
                for (var i = 0; i < AnswersEach; i++)
                {
                    using var answer = await client.GetAsync($"{service.Path}/{i}", TestContext.Current.CancellationToken);
                    Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                }
            }));
            Assert.All(greedy, task => Assert.False(task.IsCompleted, "It paused."));
        }
        finally
        {
            await ended.CancelAsync();
        }

        var answers = await Task.WhenAll(greedy);
        Assert.All(answers, bytes => Assert.InRange(bytes, 1, long.MaxValue));
    }

    /// <summary>
    /// Sends one request after the other, and reads what comes, on threads of their own: it must cost less than to answer
    /// them. Returns how many bytes came.
    /// </summary>
    private static async Task<long> GreedAsync(Uri address, string request, CancellationToken ended)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(address.Host, address.Port, Token);
        var socket = connection.Client;
        var many = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Repeat(request, 200)));
        await using var closing = ended.Register(() => socket.Shutdown(SocketShutdown.Both));
        var sending = Task.Factory.StartNew(
            () =>
            {
                while (!ended.IsCancellationRequested)
                {
                    socket.Send(many);
                }
            },
            Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var received = await Task.Factory.StartNew(
            () =>
            {
                var (buffer, all) = (new byte[1024 * 1024], 0L);
                try
                {
                    while (socket.Receive(buffer) is var read and > 0)
                    {
                        all += read;
                    }
                }
                catch (SocketException) when (ended.IsCancellationRequested)
                {
                }

                return all;
            },
            Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        // It ends with the connection.
        await ((Task)sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return received;
    }
}
