using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>The JSON object in a request's body, or the problem to answer with. Dispose it once read.</summary>
internal sealed class JsonBody : IDisposable
{
    /// <summary>The longest body that is read unless the endpoint says otherwise: 1 MiB.</summary>
    public const int DefaultLimit = 1024 * 1024;

    /// <summary>Room made before a byte has come: a length that is only declared takes no memory.</summary>
    private const int FirstBuffer = 4096;
    private readonly JsonDocument? document;

    private JsonBody(JsonDocument document) => this.document = document;

    private JsonBody(ProblemHttpResult problem) => Problem = problem;

    /// <summary>What is wrong; null where <see cref="Root"/> can be read.</summary>
    public ProblemHttpResult? Problem { get; }

    /// <summary>The object. Valid until this is disposed.</summary>
    /// <exception cref="InvalidOperationException">There is a <see cref="Problem"/>.</exception>
    public JsonElement Root =>
        document?.RootElement ?? throw new InvalidOperationException("The body was not read: see Problem.");

    /// <summary>Reads the body whole.</summary>
    /// <param name="request">The request.</param>
    /// <param name="mayBeEmpty">Whether no body at all is taken for <c>{}</c>.</param>
    /// <param name="limit">The longest body, in bytes.</param>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    public static async Task<JsonBody> ReadAsync(HttpRequest request, bool mayBeEmpty = false, int limit = DefaultLimit)
    {
        var raw = await ReadRawAsync(request, limit);
        return raw.Problem is { } problem ? new(problem) : Parse(raw.Bytes, mayBeEmpty);
    }

    /// <summary>Reads the body whole and does not look into it: for what has a shorter way to parse it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limit">The longest body, in bytes.</param>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    public static async ValueTask<(ReadOnlyMemory<byte> Bytes, ProblemHttpResult? Problem)> ReadRawAsync(
        HttpRequest request, int limit = DefaultLimit)
    {
        if (FindUnreadForm(request) is { } unread)
        {
            return (default, unread);
        }

        if (request.ContentLength > limit)
        {
            return (default, Problems.TooLarge(limit));
        }

        try
        {
            return await ReadBytesAsync(request, limit) is { } body ? (body, null) : (default, Problems.TooLarge(limit));
        }
        catch (BadHttpRequestException fault)
        {
            // The server's own limit, where it is the lower one.
            var allowed = request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize;
            return (default, fault.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? Problems.TooLarge(allowed ?? limit)
                : Problems.UnreadableBody(fault.StatusCode));
        }
    }

    /// <summary>Parses a body that was read.</summary>
    public static JsonBody Parse(ReadOnlyMemory<byte> bytes, bool mayBeEmpty = false)
    {
        // Editors and shells of some systems put a byte order mark in front.
        var body = bytes.Span.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes;
        var errors = new FieldErrors();
        if (!body.Span.ContainsAnyExcept(" \t\r\n"u8))
        {
            if (mayBeEmpty)
            {
                return new(JsonDocument.Parse("{}"u8.ToArray()));
            }

            errors.Add("$", "The body is empty; send a JSON object.");
            return new(Problems.Invalid(errors));
        }

        return JsonText.Parse(body, errors) is { } document ? new(document) : new(Problems.Invalid(errors));
    }

    public void Dispose() => document?.Dispose();

    /// <summary>The body; null where it is longer than the limit.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> ReadBytesAsync(HttpRequest request, int limit)
    {
        var aborted = request.HttpContext.RequestAborted;
        // One byte more than declared: the read that finds the end needs room too.
        var buffer = new byte[Math.Min(request.ContentLength + 1 ?? FirstBuffer, FirstBuffer)];
        var length = 0;
        while (true)
        {
            var read = await request.Body.ReadAsync(buffer.AsMemory(length), aborted);
            length += read;
            if (length > limit)
            {
                return null;
            }

            if (read == 0)
            {
                return buffer.AsMemory(0, length);
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(2L * length, limit + 1L));
            }
        }
    }

    private static ProblemHttpResult? FindUnreadForm(HttpRequest request)
    {
        var encoding = request.Headers.ContentEncoding.ToString();
        if (encoding.Length > 0 && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return Problems.UnsupportedMediaType(
                "Content-Encoding", $"The body is encoded as {Quoted.Text(encoding)}; send it without an encoding.");
        }

        return string.IsNullOrEmpty(request.ContentType) || IsRead(request.ContentType)
            ? null
            : Problems.UnsupportedMediaType(
                "Content-Type", $"The body is {Quoted.Text(request.ContentType)}; send JSON, as application/json.");
    }

    /// <summary>Besides JSON, what curl -d and the like say when nobody tells them what the body is.</summary>
    private static bool IsRead(string contentType) =>
        contentType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        || (MediaTypeHeaderValue.TryParse(contentType, out var type)
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase)
            || type.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase)
            || type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)));
}
