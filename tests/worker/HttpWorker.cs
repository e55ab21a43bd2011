using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Features;

namespace WorkerMesh.Tests.Worker;

/// <summary>
/// A worker for tests. It says what it was asked, and does on request what real workers do: answer slowly, in pieces,
/// with other statuses, take large bodies, fall ill. What a test has to wait for it writes to its output, a line each.
/// </summary>
internal sealed class HttpWorker(string name)
{
    private static readonly SemaphoreSlim OneAtATime = new(1);

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
