using System.Globalization;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>
/// Reads the parameters of a query string and notes what is wrong with them, by name. Each may be there once; absent
/// is null; unknown ones are ignored.
/// </summary>
/// <param name="query">The query string.</param>
/// <param name="errors">Where errors go.</param>
internal sealed class QueryReader(IQueryCollection query, FieldErrors errors)
{
    /// <summary>The longest free text, in characters.</summary>
    public const int MaxTextLength = 256;

    private delegate bool TryParse<T>(string text, out T value);

    /// <summary>An integer within bounds.</summary>
    public int? Integer(string name, int min, int max) => Read(
        name,
        $"an integer from {min} to {max}",
        (string text, out int value) =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)
            && value >= min && value <= max);

    /// <summary>The index of a blocking query, 0 or more.</summary>
    public long? Index(string name) => Read(
        name,
        "an integer of 0 or more, as an earlier answer gave it",
        static (string text, out long value) =>
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value));

    /// <summary>Seconds from 0 to <paramref name="max"/>, with an 's' after them or without.</summary>
    public TimeSpan? Seconds(string name, int max) => Read(
        name,
        $"a number of seconds from 0 to {max}, such as {Math.Min(30, max)} or {Math.Min(30, max)}s",
        (string text, out TimeSpan value) =>
        {
            var digits = text.EndsWith('s') ? text.AsSpan(..^1) : text;
            // Written so that NaN, which parses, is out of bounds.
            var isIn = double.TryParse(
                digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
                && seconds >= 0 && seconds <= max;
            value = isIn ? TimeSpan.FromSeconds(seconds) : default;
            return isIn;
        });

    /// <summary>true or false.</summary>
    public bool? Flag(string name) => Read(
        name,
        "true or false",
        static (string text, out bool value) => (value = text == "true") || text == "false");

    /// <summary>A state of a worker by its name.</summary>
    public WorkerState? State(string name) => Read(
        name,
        JsonNames.WorkerStates,
        static (string text, out WorkerState value) =>
        {
            var isKnown = JsonNames.TryParseState(text, out var state);
            value = state.GetValueOrDefault();
            return isKnown;
        });

    /// <summary>A service type.</summary>
    public ServiceType? Service(string name) => Read<ServiceType>(
        name, $"a service type, {Identifier.Rule}", ServiceType.TryParse);

    /// <summary>A worker id, such as the cursor of a listing.</summary>
    public WorkerId? Worker(string name) => Read<WorkerId>(name, $"a worker id, {Identifier.Rule}", WorkerId.TryParse);

    /// <summary>A zone.</summary>
    public string? Zone(string name) => Text(name, $"a zone, {Identifier.Rule}", static t => Identifier.IsValid(t));

    /// <summary>Free text, not empty and at most <see cref="MaxTextLength"/> characters long.</summary>
    public string? Text(string name) =>
        Text(name, $"1 to {MaxTextLength} characters of text", static t => t.Length is > 0 and <= MaxTextLength);

    private string? Text(string name, string mustBe, Func<string, bool> keepsRule)
    {
        if (Once(name) is not { } text)
        {
            return null;
        }

        if (keepsRule(text))
        {
            return text;
        }

        Refuse(name, mustBe, text);
        return null;
    }

    private T? Read<T>(string name, string mustBe, TryParse<T> parse)
        where T : struct
    {
        if (Once(name) is not { } text)
        {
            return null;
        }

        if (parse(text, out var value))
        {
            return value;
        }

        Refuse(name, mustBe, text);
        return null;
    }

    private void Refuse(string name, string mustBe, string text) =>
        errors.Add(name, $"Must be {mustBe}, not {Quoted.Text(text)}.");

    private string? Once(string name)
    {
        if (!query.TryGetValue(name, out var values) || values.Count == 0)
        {
            return null;
        }

        if (values.Count == 1)
        {
            return values[0] ?? "";
        }

        errors.Add(name, $"Is given {values.Count} times; give it once.");
        return null;
    }
}
