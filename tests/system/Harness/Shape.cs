using System.Text.Json;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// What members an answer must have and of which JSON types. Written as JSON: a member's value is the name of its type
/// ("string", "number", "boolean", "time", "any", with "?" where it may be null), an object with members, or an array
/// with the shape of its items.
/// </summary>
internal static class Shape
{
    public static void Check(string shape, JsonElement actual)
    {
        using var document = JsonDocument.Parse(shape);
        var faults = Faults(document.RootElement, actual, "$").ToList();
        Assert.True(faults.Count == 0, $"{string.Join('\n', faults)}\nActual: {actual}");
    }

    private static IEnumerable<string> Faults(JsonElement shape, JsonElement actual, string path) =>
        (shape.ValueKind, actual.ValueKind) switch
        {
            (JsonValueKind.Object, JsonValueKind.Object) => shape.EnumerateObject().SelectMany(member =>
                actual.TryGetProperty(member.Name, out var value)
                    ? Faults(member.Value, value, $"{path}.{member.Name}")
                    : [$"{path}.{member.Name} is missing."]),
            (JsonValueKind.Array, JsonValueKind.Array) =>
                actual.EnumerateArray().SelectMany((item, i) => Faults(shape[0], item, $"{path}[{i}]")),
            (JsonValueKind.String, _) when Is(shape.GetString()!, actual) => [],
            _ => [$"{path} must be {shape}, but is {actual.ValueKind}."],
        };

    private static bool Is(string type, JsonElement actual) => type switch
    {
        [.. var sure, '?'] => actual.ValueKind == JsonValueKind.Null || Is(sure, actual),
        "string" => actual.ValueKind == JsonValueKind.String,
        "number" => actual.ValueKind == JsonValueKind.Number,
        "boolean" => actual.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "time" => actual.ValueKind == JsonValueKind.String
            && actual.TryGetDateTimeOffset(out var time) && time.Offset == TimeSpan.Zero,
        "any" => true,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type."),
    };
}
