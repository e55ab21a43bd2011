using System.Diagnostics.CodeAnalysis;

namespace WorkerMesh.Grains.Identity;

/// <summary>
/// The name of a service type. <see cref="TryParse"/> is the only way to make one from text from outside.
/// </summary>
[GenerateSerializer, Immutable, Alias("mesh.ServiceType")]
public readonly record struct ServiceType
{
    /// <summary>
    /// The registry key of workers that offer no service type, so that they too expire and are forgotten.
    /// It cannot be parsed, so no request can name it.
    /// </summary>
    public static readonly ServiceType None = new("-");

    private ServiceType(string value) => Value = value;

    /// <summary>The name as text; it keeps <see cref="Identifier.Rule"/>.</summary>
    [Id(0)]
    public string Value { get; }

    /// <summary>Parses a service type.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ServiceType type)
    {
        type = Identifier.IsValid(text) ? new ServiceType(SharedText.Of(text!)) : default;
        return type.Value is not null;
    }

    /// <summary>
    /// Parses a registry key that is known to be good: a grain key, a stored row. Accepts <see cref="None"/>.
    /// </summary>
    /// <exception cref="FormatException">It is not one.</exception>
    public static ServiceType ParseKey(string text) =>
        text == None.Value ? None
        : TryParse(text, out var type) ? type
        : throw new FormatException($"'{text}' is not a service type: {Identifier.Rule}.");

    /// <inheritdoc/>
    public override string ToString() => Value;
}
