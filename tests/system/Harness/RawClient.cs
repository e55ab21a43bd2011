using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A connection on which a test writes HTTP/1.1 by hand.</summary>
public sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TcpClient _connection = new() { NoDelay = true };
    private readonly MemoryStream _received = new();

    private NetworkStream Stream => _connection.GetStream();

    public static async Task<RawClient> ConnectAsync(Uri address)
    {
        var client = new RawClient();
        await client._connection.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>Sends text, each character a byte.</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) =>
        await Stream.WriteAsync(bytes, TestContext.Current.CancellationToken);

    /// <summary>Reads up to the empty line that ends an answer's head.</summary>
    public async Task<string> ReadHeadAsync()
    {
        using var limit = Limit();
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal)
            && await Stream.ReadAsync(one, limit.Token) > 0)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    /// <summary>Reads until the other side closes or, unless it must, falls silent.</summary>
    /// <param name="silence">How long silence may last; without it the connection must be closed.</param>
    public async Task<string> ReadToEndAsync(TimeSpan? silence = null)
    {
        var buffer = new byte[16 * 1024];
        while (true)
        {
            using var limit = Limit(silence);
            try
            {
                if (await Stream.ReadAsync(buffer, limit.Token) is var read and > 0)
                {
                    _received.Write(buffer, 0, read);
                    continue;
                }
            }
            catch (IOException)
            {
                // Reset: closed as well.
            }
            catch (OperationCanceledException) when (silence is not null && !TestContext.Current.CancellationToken.IsCancellationRequested)
            {
            }

            return Encoding.Latin1.GetString(_received.ToArray());
        }
    }

    /// <summary>Reads an answer that ends with the connection, and what is JSON of its body.</summary>
    public async Task<JsonElement> ReadJsonAsync()
    {
        var answer = await ReadToEndAsync();
        var (start, end) = (answer.IndexOf('{', StringComparison.Ordinal), answer.LastIndexOf('}'));
        Assert.True(start >= 0 && end > start, answer);
        using var document = JsonDocument.Parse(answer[start..(end + 1)]);
        return document.RootElement.Clone();
    }

    public void Dispose()
    {
        _connection.Dispose();
        _received.Dispose();
    }

    private static CancellationTokenSource Limit(TimeSpan? within = null)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(within ?? Patience);
        return limit;
    }
}
