using System.Globalization;
using System.Text.Json;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Reads the members of an object and notes what is wrong with them. Null is taken for absent.</summary>
/// <param name="owner">An object from <see cref="JsonText"/>.</param>
/// <param name="errors">Where errors go.</param>
/// <param name="prefix">What the members' paths begin with, such as <c>health.</c></param>
internal readonly struct JsonFields(JsonElement owner, FieldErrors errors, string prefix = "")
{
    /// <summary>A value as messages name it.</summary>
    public static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Quoted.Text(value.GetString()),
        JsonValueKind.Number => Quoted.Shorten(value.GetRawText()),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => "null",
    };

    public string PathOf(string name) => prefix + name;

    public bool Has(string name, out JsonElement value) =>
        owner.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Notes that a member is not what it must be.</summary>
    public void Refuse(string name, string mustBe, JsonElement actual) =>
        errors.Add(PathOf(name), $"Must be {mustBe}, not {Describe(actual)}.");

    /// <summary>The member if it is there and of that kind.</summary>
    public JsonElement? OfKind(string name, JsonValueKind kind, string mustBe)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == kind)
        {
            return value;
        }

        Refuse(name, mustBe, value);
        return null;
    }

    /// <summary>The items of an array with their paths; none where it is absent, no array, too short or long.</summary>
    public IEnumerable<(JsonElement Item, string Path, int Index)> Items(string name, int min, int max, string what)
    {
        if (OfKind(name, JsonValueKind.Array, $"an array of {min} to {max} {what}") is not { } array)
        {
            yield break;
        }

        if (array.GetArrayLength() is var length && (length < min || length > max))
        {
            errors.Add(PathOf(name), $"Must have {min} to {max} {what}, not {length}.");
            yield break;
        }

        var index = 0;
        foreach (var item in array.EnumerateArray())
        {
            yield return (item, $"{PathOf(name)}[{index}]", index);
            index++;
        }
    }

    /// <summary>A string that keeps a rule.</summary>
    public string? Text(string name, Func<string, bool> keepsRule, string mustBe)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString()! is var text && keepsRule(text))
        {
            return text;
        }

        Refuse(name, mustBe, value);
        return null;
    }

    /// <summary>An integer within bounds. 4.0 is one, as in JSON Schema.</summary>
    public long? Integer(string name, long min, long max)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (ToInteger(value) is { } number && number >= min && number <= max)
        {
            return number;
        }

        Refuse(name, max == long.MaxValue ? $"an integer of {min} or more" : $"an integer from {min} to {max}", value);
        return null;
    }

    /// <summary>A number within bounds, which are finite.</summary>
    public double? Number(string name, double min, double max)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        if (ToDouble(value) is { } number && number >= min && number <= max)
        {
            return number;
        }

        Refuse(name, string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max}"), value);
        return null;
    }

    private static long? ToInteger(JsonElement value)
    {
        // Above 2^53 a double may stand for an integer that was not written.
        const double MaxExact = 1L << 53;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var exact) ? exact
            : ToDouble(value) is { } number && double.IsInteger(number) && Math.Abs(number) <= MaxExact ? (long)number
            : null;
    }

    /// <summary>Infinite where the number is too large for a double.</summary>
    private static double? ToDouble(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) ? number : null;
}
