using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

/// <summary>Requests with bodies, and what is found wrong with them.</summary>
internal static class Bodies
{
    public const string Registration = """
        {
          "url": "http://ocr-1:8104",
          "services": ["vision-ocr", "echo"],
          "capabilities": { "has_gpu": true, "gpu_memory": "24GB", "lang": ["en", "fr"] },
          "zone": "rack-a",
          "weight": 3,
          "max_concurrency": 4,
          "lease_seconds": 15.5,
          "health": { "path": "/health", "interval_seconds": 5, "timeout_seconds": 2 },
          "incarnation": 7
        }
        """;

    /// <summary>A request with these bytes; one without a declared length is a chunked one.</summary>
    public static HttpRequest Request(byte[] body, string? contentType = "application/json", bool declared = true)
    {
        var request = new DefaultHttpContext().Request;
        request.Method = HttpMethods.Post;
        request.ContentType = contentType;
        request.ContentLength = declared ? body.Length : null;
        request.Body = new MemoryStream(body);
        return request;
    }

    public static HttpRequest Request(string body, string? contentType = "application/json", bool declared = true) =>
        Request(Encoding.UTF8.GetBytes(body), contentType, declared);

    /// <summary>The registration above with members replaced, added, or (null) taken out.</summary>
    public static string RegistrationWith(params (string Name, string? Json)[] members)
    {
        var body = JsonNode.Parse(Registration)!.AsObject();
        foreach (var (name, _) in members)
        {
            body.Remove(name);
        }

        // Put together as text: some of the values are no JSON that a node could hold.
        var added = members.Where(m => m.Json is not null).Select(m => $"\"{m.Name}\": {m.Json}");
        var kept = body.Select(m => $"\"{m.Key}\": {m.Value?.ToJsonString() ?? "null"}");
        return $"{{{string.Join(", ", kept.Concat(added))}}}";
    }

    /// <summary>The errors of a problem by field.</summary>
    public static IReadOnlyDictionary<string, string[]> ErrorsOf(ProblemHttpResult? problem) =>
        Assert.IsType<Dictionary<string, string[]>>(problem?.ProblemDetails.Extensions["errors"]);

    /// <summary>Reads a body with a reader: what it gives, and what is wrong.</summary>
    public static async Task<(T? Value, IReadOnlyDictionary<string, string[]> Errors)> Read<T>(
        HttpRequest request, Func<System.Text.Json.JsonElement, FieldErrors, T?> reader)
        where T : class
    {
        using var body = await JsonBody.ReadAsync(request);
        if (body.Problem is { } problem)
        {
            return (null, ErrorsOf(problem));
        }

        var errors = new FieldErrors();
        var value = reader(body.Root, errors);
        Assert.Equal(value is null, !errors.IsEmpty);
        return (value, errors.ToDictionary());
    }

    /// <summary>Asserts that exactly this field is wrong, for reasons of which one says so.</summary>
    public static void AssertOnly(IReadOnlyDictionary<string, string[]> errors, string field, string says)
    {
        var (name, sentences) = Assert.Single(errors);
        Assert.Equal(field, name);
        Assert.Contains(sentences, s => s.Contains(says, StringComparison.Ordinal));
    }
}
