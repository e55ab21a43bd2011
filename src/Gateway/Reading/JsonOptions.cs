using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WorkerMesh.Gateway.Reading;

/// <summary>How the API writes JSON.</summary>
internal static class JsonOptions
{
    /// <summary>Answers are never put into HTML as they are, and people read them: 'x' and not \u0027x\u0027.</summary>
    public static JavaScriptEncoder Encoder => JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <summary>Sets the contract's spelling: snake_case members and enum names.</summary>
    public static void Apply(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        // Keys are data: field paths, ids, names of services.
        options.DictionaryKeyPolicy = null;
        options.Encoder = Encoder;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
    }
}
