using System.Diagnostics.CodeAnalysis;

namespace WorkerMesh.Grains.Identity;

/// <summary>The id of a worker. <see cref="TryParse"/> is the only way to make one from text from outside.</summary>
[GenerateSerializer, Immutable, Alias("mesh.WorkerId")]
public readonly record struct WorkerId : IComparable<WorkerId>
{
    private WorkerId(string value) => Value = value;

    /// <summary>The id as text; it keeps <see cref="Identifier.Rule"/>.</summary>
    [Id(0)]
    public string Value { get; }

    /// <summary>Parses an id.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out WorkerId id)
    {
        id = Identifier.IsValid(text) ? new WorkerId(text!) : default;
        return id.Value is not null;
    }

    /// <summary>Parses an id that is known to be good: a grain key, a stored row.</summary>
    /// <exception cref="FormatException">It is not one.</exception>
    public static WorkerId Parse(string text) =>
        TryParse(text, out var id) ? id : throw new FormatException($"'{text}' is not a worker id: {Identifier.Rule}.");

    /// <summary>The order of listings: by code point, the same in every store.</summary>
    public int CompareTo(WorkerId other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value;

    public static bool operator <(WorkerId left, WorkerId right) => left.CompareTo(right) < 0;
    public static bool operator >(WorkerId left, WorkerId right) => left.CompareTo(right) > 0;
    public static bool operator <=(WorkerId left, WorkerId right) => left.CompareTo(right) <= 0;
    public static bool operator >=(WorkerId left, WorkerId right) => left.CompareTo(right) >= 0;
}
