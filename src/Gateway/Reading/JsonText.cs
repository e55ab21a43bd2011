using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace WorkerMesh.Gateway.Reading;

/// <summary>
/// Parses JSON, and says in whose value it is malformed. What it lets through can be read without exceptions: every
/// string can be transcoded, no object names a property twice.
/// </summary>
internal static class JsonText
{
    private static readonly JsonDocumentOptions Strict = new()
    {
        MaxDepth = JsonWalk.MaxDepth,
        AllowDuplicateProperties = false,
    };

    /// <summary>Parses an object; null where there are errors.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> utf8, FieldErrors errors)
    {
        if (!IsSound(utf8.Span, errors))
        {
            return null;
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8, Strict);
        }
        catch (JsonException)
        {
            // It is sound, so what is left is a property that is there twice.
            errors.Add(FindDuplicate(utf8.Span), "Is there more than once in its object; keep one of them.");
            return null;
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        errors.Add("$", $"The body must be a JSON object, not {JsonFields.Describe(document.RootElement)}.");
        document.Dispose();
        return null;
    }

    private static bool IsSound(ReadOnlySpan<byte> json, FieldErrors errors)
    {
        var walk = new JsonWalk(json, stackalloc JsonWalk.Step[JsonWalk.MaxDepth]);
        var before = errors.Count;
        try
        {
            // Beyond the errors that are kept there is nothing to be gained from reading on.
            while (walk.Read() && errors.Omitted == 0)
            {
                if (walk.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
                {
                    continue;
                }

                if (!Utf8.IsValid(walk.RawValue))
                {
                    errors.Add(walk.Path(), "Holds bytes that are not UTF-8; send the body as UTF-8.");
                }
                else if (walk.ValueIsEscaped && HasLoneSurrogate(walk.RawValue))
                {
                    errors.Add(
                        walk.Path(),
                        "Holds half of a surrogate pair, which is no character; send both halves or neither.");
                }
            }
        }
        catch (JsonException fault)
        {
            errors.Add(walk.Path(), JsonFault.Explain(fault, json[walk.Consumed..], walk.Depth));
        }

        return errors.Count == before;
    }

    /// <summary>Whether an escaped surrogate lacks its other half, in text whose escapes are well formed.</summary>
    private static bool HasLoneSurrogate(ReadOnlySpan<byte> raw)
    {
        var expectsLow = false;
        while (!raw.IsEmpty)
        {
            var isUnicode = raw[0] == '\\' && raw[1] == 'u';
            var unit = isUnicode ? HexOf(raw[2..6]) : '\0';
            if (expectsLow != char.IsLowSurrogate(unit))
            {
                return true;
            }

            expectsLow = char.IsHighSurrogate(unit);
            raw = raw[(isUnicode ? 6 : raw[0] == '\\' ? 2 : 1)..];
        }

        return expectsLow;
    }

    private static char HexOf(ReadOnlySpan<byte> digits) =>
        (char)ushort.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static string FindDuplicate(ReadOnlySpan<byte> json)
    {
        var walk = new JsonWalk(json, stackalloc JsonWalk.Step[JsonWalk.MaxDepth]);
        var seen = new Stack<HashSet<string>>();
        while (walk.Read())
        {
            switch (walk.TokenType)
            {
                case JsonTokenType.StartObject:
                    seen.Push([]);
                    break;
                case JsonTokenType.EndObject:
                    seen.Pop();
                    break;
                case JsonTokenType.PropertyName when !seen.Peek().Add(walk.GetString()!):
                    return walk.Path();
                default:
                    break;
            }
        }

        return "$";
    }
}
