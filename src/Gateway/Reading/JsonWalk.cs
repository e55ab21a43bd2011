using System.Text;
using System.Text.Json;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Walks JSON token by token and knows at each, also at one that is malformed, whose value it is in.</summary>
internal ref struct JsonWalk
{
    /// <summary>The deepest nesting of objects and arrays.</summary>
    public const int MaxDepth = 32;

    private readonly ReadOnlySpan<byte> json;
    private readonly Span<Step> steps;
    private Utf8JsonReader reader;
    private int depth;
    private bool valueEnded;

    /// <param name="json">The text.</param>
    /// <param name="steps">Room for <see cref="MaxDepth"/> steps.</param>
    public JsonWalk(ReadOnlySpan<byte> json, Span<Step> steps)
    {
        this.json = json;
        this.steps = steps;
        reader = new(json, new JsonReaderOptions { MaxDepth = MaxDepth });
    }

    public readonly JsonTokenType TokenType => reader.TokenType;

    /// <summary>How many objects and arrays are open.</summary>
    public readonly int Depth => depth;

    /// <summary>The token that was read last, without quotes, escapes as they stand.</summary>
    public readonly ReadOnlySpan<byte> RawValue => reader.ValueSpan;

    public readonly bool ValueIsEscaped => reader.ValueIsEscaped;

    /// <summary>Where the text begins that follows the last good token.</summary>
    public int Consumed { get; private set; }

    /// <summary>The string or property name that was read last.</summary>
    public readonly string? GetString() => reader.GetString();

    /// <summary>Goes on to the next token; false at the end.</summary>
    /// <exception cref="JsonException">The text is malformed there; <see cref="Path"/> says in whose value.</exception>
    public bool Read()
    {
        Consumed = (int)reader.BytesConsumed;
        if (valueEnded && depth > 0)
        {
            steps[depth - 1] = steps[depth - 1].Next();
        }

        valueEnded = false;
        if (!reader.Read())
        {
            return false;
        }

        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                steps[depth++] = Step.IntoObject;
                break;
            case JsonTokenType.StartArray:
                steps[depth++] = Step.IntoArray;
                break;
            case JsonTokenType.PropertyName:
                steps[depth - 1] = Step.Property((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
                break;
            case JsonTokenType.EndObject or JsonTokenType.EndArray:
                depth--;
                valueEnded = true;
                break;
            default:
                valueEnded = true;
                break;
        }

        return true;
    }

    /// <summary>The path of the value being read, such as <c>services[3]</c>; <c>$</c> where it is none's.</summary>
    public readonly string Path()
    {
        var path = new StringBuilder();
        foreach (var step in steps[..depth])
        {
            if (step.Index >= 0)
            {
                path.Append(path.Length == 0 ? "$[" : "[").Append(step.Index).Append(']');
            }
            else if (step.NameStart >= 0)
            {
                var name = Encoding.UTF8.GetString(json.Slice(step.NameStart, step.NameLength));
                path.Append(path.Length == 0 ? "" : ".").Append(name.Length == 0 ? "\"\"" : Quoted.Shorten(name));
            }
        }

        return path.Length == 0 ? "$" : path.ToString();
    }

    /// <summary>Where the walk is in an open object (a property's name, if it is in one) or array (an index).</summary>
    internal readonly record struct Step(int Index, int NameStart, int NameLength)
    {
        public static Step IntoObject => new(-1, -1, 0);

        public static Step IntoArray => new(0, -1, 0);

        public static Step Property(int nameStart, int nameLength) => new(-1, nameStart, nameLength);

        public Step Next() => Index >= 0 ? this with { Index = Index + 1 } : IntoObject;
    }
}
