using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Features;

namespace WorkerMesh.Tests.Worker;

/// <summary>
/// A worker for tests. It says what it was asked, and does on request what real workers do: answer slowly, in pieces,
/// with other statuses, take large bodies, fall ill. What a test has to wait for it writes to its output, a line each.
/// </summary>
internal sealed class HttpWorker(string name)
{
    private static readonly SemaphoreSlim OneAtATime = new(1);

    private readonly ConcurrentDictionary<string, Channel<string>> _events = new();
    private volatile bool _ill;
    private volatile Mode _mode = new();
    private int _seen;

    public Task Answer(HttpContext context)
    {
        context.Response.Headers["X-Worker-Name"] = name;
        if (context.Request.Path == "/mode")
        {
            return SetMode(context);
        }

        Interlocked.Increment(ref _seen);
        var mode = _mode;
        return mode.RetryAfter is not null ? Busy(context, mode.RetryAfter)
            : mode.Aborts ? Abort(context)
            : mode.WorkMs > 0 ? Work(context, mode.WorkMs)
            : AnswerPath(context);
    }

    private Task AnswerPath(HttpContext context)
    {
        return context.Request.Path.Value switch
        {
            "/slow" => Slow(context),
            "/drip" => Drip(context),
            "/echo" => Echo(context),
            "/sink" => Sink(context),
            "/flood" => Flood(context),
            "/paused" => Paused(context),
            "/deaf" => Deaf(context),
            "/socket" => Socket(context),
            "/events" => Events(context),
            "/event" => Event(context),
            "/trailers" => Trailers(context),
            "/hop" => Hop(context),
            "/health" => Health(context),
            "/health/bad" => SetHealth(context, ill: true),
            "/health/good" => SetHealth(context, ill: false),
            { } path when path.StartsWith("/status/", StringComparison.Ordinal) =>
                Status(context, int.Parse(path["/status/".Length..], CultureInfo.InvariantCulture)),
            _ => Describe(context),
        };
    }

    /// <summary>
    /// From now on it answers every request that it is busy (<c>busy</c>, a Retry-After), with nothing (<c>abort</c>),
    /// or works on one at a time for so long (<c>work</c>, ms). Says how many requests it has seen.
    /// </summary>
    private Task SetMode(HttpContext context)
    {
        var query = context.Request.Query;
        if (HttpMethods.IsPut(context.Request.Method))
        {
            _mode = new(
                query["busy"].FirstOrDefault(),
                query.ContainsKey("abort"),
                query.ContainsKey("work") ? int.Parse(query["work"].ToString(), CultureInfo.InvariantCulture) : 0);
        }

        return context.Response.WriteAsJsonAsync(new { seen = Volatile.Read(ref _seen) });
    }

    private static Task Busy(HttpContext context, string retryAfter)
    {
        context.Response.StatusCode = 503;
        context.Response.Headers.RetryAfter = retryAfter;
        return context.Response.WriteAsync("busy");
    }

    private static Task Abort(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    private async Task Work(HttpContext context, int milliseconds)
    {
        await OneAtATime.WaitAsync(context.RequestAborted);
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System, context.RequestAborted);
        }
        finally
        {
            OneAtATime.Release();
        }

        await AnswerPath(context);
    }

    private async Task Describe(HttpContext context)
    {
        var (bytes, _) = await ReadBody(context, announce: false);
        var request = context.Request;
        await context.Response.WriteAsJsonAsync(new
        {
            worker = name,
            method = request.Method,
            protocol = request.Protocol,
            path = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            body_bytes = bytes,
            headers = request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString()),
        });
    }

    /// <summary>Answers after some time, and says when it begins, ends, and when the client left instead.</summary>
    private async Task Slow(HttpContext context)
    {
        var tag = context.Request.Query["tag"].ToString();
        Console.WriteLine($"slow began {tag}");
        try
        {
            await Task.Delay(Milliseconds(context, "ms"), TimeProvider.System, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"slow cancelled {tag}");
            return;
        }

        Console.WriteLine($"slow ended {tag}");
        await Describe(context);
    }

    private static async Task Drip(HttpContext context)
    {
        var count = int.Parse(context.Request.Query["n"].ToString(), CultureInfo.InvariantCulture);
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
            {
                await Task.Delay(Milliseconds(context, "ms"), TimeProvider.System, context.RequestAborted);
            }

            await context.Response.WriteAsync($"drop {i}\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static async Task Echo(HttpContext context)
    {
        context.Response.ContentType = context.Request.ContentType;
        await context.Request.Body.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    /// <summary>Takes a body, and says when its first bytes are there.</summary>
    private static async Task Sink(HttpContext context)
    {
        var (bytes, hash) = await ReadBody(context, announce: true);
        await context.Response.WriteAsJsonAsync(new { body_bytes = bytes, sha256 = hash });
    }

    /// <summary>Sends so many bytes as fast as they are taken, and says how many of them were, now and then.</summary>
    private static async Task Flood(HttpContext context)
    {
        const int announced = 16 * 1024 * 1024;
        var left = long.Parse(context.Request.Query["bytes"].ToString(), CultureInfo.InvariantCulture);
        var sent = 0L;
        var buffer = new byte[64 * 1024];
        context.Response.ContentLength = left;
        while (left > 0)
        {
            var size = (int)Math.Min(left, buffer.Length);
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, size), context.RequestAborted);
            (sent, left) = (sent + size, left - size);
            if (sent % announced == 0)
            {
                Console.WriteLine($"flooded {sent}");
            }
        }
    }

    /// <summary>Answers with two bytes, and a pause between them.</summary>
    private static async Task Paused(HttpContext context)
    {
        await context.Response.WriteAsync("a", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await Task.Delay(Milliseconds(context, "ms"), TimeProvider.System, context.RequestAborted);
        await context.Response.WriteAsync("b", context.RequestAborted);
    }

    /// <summary>Takes nothing of the body until the client leaves.</summary>
    private static async Task Deaf(HttpContext context)
    {
        Console.WriteLine("deaf began");
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A WebSocket that says everything back.</summary>
    private static async Task Socket(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } read)
        {
            await socket.SendAsync(
                buffer.AsMemory(0, read.Count), read.MessageType, read.EndOfMessage, context.RequestAborted);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", context.RequestAborted);
    }

    /// <summary>An event stream of what is posted to /event, until an empty one.</summary>
    private async Task Events(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await foreach (var text in EventsOf(context).Reader.ReadAllAsync(context.RequestAborted))
        {
            if (text.Length == 0)
            {
                return;
            }

            await context.Response.WriteAsync($"data: {text}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private async Task Event(HttpContext context)
    {
        using var body = new StreamReader(context.Request.Body);
        await EventsOf(context).Writer.WriteAsync(await body.ReadToEndAsync(context.RequestAborted));
        context.Response.StatusCode = 204;
    }

    private Channel<string> EventsOf(HttpContext context) =>
        _events.GetOrAdd(context.Request.Query["tag"].ToString(), _ => Channel.CreateUnbounded<string>());

    private static async Task Trailers(HttpContext context)
    {
        context.Response.DeclareTrailer("X-Sum");
        await context.Response.WriteAsync("body", context.RequestAborted);
        context.Response.AppendTrailer("X-Sum", "4");
    }

    /// <summary>Declares one of its headers to be for the next hop only.</summary>
    private Task Hop(HttpContext context)
    {
        var headers = context.Response.Headers;
        (headers.Connection, headers["X-Hop"], headers["X-Theirs"]) = ("X-Hop", "a", "b");
        return Describe(context);
    }

    private async Task Health(HttpContext context)
    {
        context.Response.StatusCode = _ill ? 503 : 200;
        await context.Response.WriteAsync(_ill ? "ill" : "well");
    }

    private Task SetHealth(HttpContext context, bool ill)
    {
        _ill = ill;
        context.Response.StatusCode = 204;
        return Task.CompletedTask;
    }

    private Task Status(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Describe(context);
    }

    private static async Task<(long Bytes, string Hash)> ReadBody(HttpContext context, bool announce)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        long length = 0;
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is var read and > 0)
        {
            if (announce && length == 0)
            {
                Console.WriteLine("body began");
            }

            hash.AppendData(buffer.AsSpan(0, read));
            length += read;
        }

        return (length, Convert.ToHexString(hash.GetHashAndReset()));
    }

    private static TimeSpan Milliseconds(HttpContext context, string name) =>
        TimeSpan.FromMilliseconds(int.Parse(context.Request.Query[name].ToString(), CultureInfo.InvariantCulture));

    private sealed record Mode(string? RetryAfter = null, bool Aborts = false, int WorkMs = 0);
}
