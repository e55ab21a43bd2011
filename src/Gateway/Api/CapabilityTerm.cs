using System.Globalization;
using System.Text.Json;

namespace WorkerMesh.Gateway.Api;

/// <summary>A condition on a worker's capabilities, as written in a query.</summary>
/// <param name="Name">The member of the capabilities object.</param>
/// <param name="Operator">
/// ':' equals or contains; ">=", "&lt;=", ">" and "&lt;" compare numbers; none: present and not false, null, 0 or
/// empty.
/// </param>
/// <param name="Value">What to compare with.</param>
/// <param name="Number">The same as a number, for comparisons.</param>
internal sealed record CapabilityTerm(string Name, string Operator, string Value, double Number)
{
    public const string Rule = "write 'name', 'name:value', or 'name>=number' (also <=, > and <), at most 256 characters";

    private const int MaxLength = 256;
    private static readonly string[] Operators = [">=", "<=", ">", "<", ":"];

    public static CapabilityTerm? TryParse(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > MaxLength)
        {
            return null;
        }

        var at = text.AsSpan().IndexOfAny("><:");
        if (at < 0)
        {
            return new(text, "", "", 0);
        }

        var used = Operators.First(o => text.AsSpan(at).StartsWith(o, StringComparison.Ordinal));
        var value = text[(at + used.Length)..];
        var isNumber = double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
        return at == 0 || value.Length == 0 || (used != ":" && !isNumber) ? null : new(text[..at], used, value, number);
    }

    /// <summary>Whether a worker's capabilities (a JSON object) fulfil all conditions.</summary>
    public static bool AllHold(IReadOnlyList<CapabilityTerm> terms, string capabilities)
    {
        using var document = JsonDocument.Parse(capabilities);
        foreach (var term in terms)
        {
            if (!document.RootElement.TryGetProperty(term.Name, out var actual) || !term.Holds(actual))
            {
                return false;
            }
        }

        return true;
    }

    private bool Holds(JsonElement actual) => Operator switch
    {
        "" => actual.ValueKind switch
        {
            JsonValueKind.False or JsonValueKind.Null => false,
            JsonValueKind.Number => actual.GetDouble() != 0,
            JsonValueKind.String => actual.GetString()!.Length > 0,
            JsonValueKind.Array => actual.GetArrayLength() > 0,
            _ => true,
        },
        ":" => actual.ValueKind == JsonValueKind.Array ? actual.EnumerateArray().Any(IsValue) : IsValue(actual),
        ">=" => actual.ValueKind == JsonValueKind.Number && actual.GetDouble() >= Number,
        "<=" => actual.ValueKind == JsonValueKind.Number && actual.GetDouble() <= Number,
        ">" => actual.ValueKind == JsonValueKind.Number && actual.GetDouble() > Number,
        _ => actual.ValueKind == JsonValueKind.Number && actual.GetDouble() < Number,
    };

    private bool IsValue(JsonElement actual) => actual.ValueKind switch
    {
        JsonValueKind.String => actual.ValueEquals(Value),
        JsonValueKind.True => Value == "true",
        JsonValueKind.False => Value == "false",
        JsonValueKind.Number => actual.GetRawText() == Value
            || (double.TryParse(Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && actual.GetDouble() == number),
        _ => false,
    };
}
