using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Options;
using HttpJsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// A small answer, written at once and with its length. <see cref="TypedResults"/> write in pieces, of unknown length, which
/// took a tenth of a registration.
/// </summary>
/// <param name="status">The status code.</param>
/// <param name="body">What is written.</param>
/// <param name="location">Where what was made is found, or null.</param>
internal sealed class SmallJson<T>(int status, T body, string? location = null) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var options = httpContext.RequestServices.GetRequiredService<IOptions<HttpJsonOptions>>().Value.SerializerOptions;
        var text = JsonSerializer.SerializeToUtf8Bytes(body, options);
        var response = httpContext.Response;
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = text.Length;
        if (location is not null)
        {
            response.Headers.Location = location;
        }

        response.BodyWriter.Write(text);
        return Task.CompletedTask;
    }
}
