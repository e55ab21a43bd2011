using System.Net.Http.Headers;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>What came back for a request, read whole.</summary>
public sealed class Answer(string request, int status, HttpHeaders headers, string? contentType, string text)
{
    private JsonElement? _json;

    public int Status => status;

    public string? ContentType => contentType;

    public string Text => text;

    /// <summary>The body as JSON.</summary>
    public JsonElement Json => _json ??= Parse();

    /// <summary>The id of the worker that answered through the mesh.</summary>
    public string? MeshWorker => Header("X-Mesh-Worker");

    public string? Header(string name) =>
        headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;

    public Answer Expect(int expected)
    {
        Assert.True(status == expected, $"Expected {expected}. Actual: {this}");
        return this;
    }

    /// <summary>Expects a problem document; returns it.</summary>
    public JsonElement ExpectProblem(int expected)
    {
        Expect(expected);
        Assert.True(contentType == "application/problem+json", $"Expected a problem document. Actual: {this}");
        Assert.Equal(expected, Json.GetProperty("status").GetInt32());
        Assert.NotEmpty(Json.GetProperty("title").GetString()!);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        return Json;
    }

    /// <summary>Expects a problem document whose <c>errors</c> name this field.</summary>
    public void ExpectError(int expected, string field)
    {
        var problem = ExpectProblem(expected);
        Assert.True(
            problem.TryGetProperty("errors", out var errors)
                && errors.TryGetProperty(field, out var sentences)
                && sentences.EnumerateArray().All(s => s.GetString()!.Length > 0),
            $"Expected an error for '{field}'. Actual: {this}");
    }

    public override string ToString() => $"{request}: {status} {contentType}\n{text}";

    private JsonElement Parse()
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new InvalidOperationException($"Not JSON. {this}", e);
        }
    }
}
