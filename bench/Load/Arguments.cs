using System.Globalization;

namespace WorkerMesh.Load;

/// <summary>The command line after the command: <c>--name value</c> pairs.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> values = [];

    public Arguments(ReadOnlySpan<string> pairs)
    {
        for (var i = 0; i + 1 < pairs.Length; i += 2)
        {
            values[pairs[i].TrimStart('-')] = pairs[i + 1];
        }
    }

    /// <summary>A value that must be there.</summary>
    public string Text(string name) =>
        values.GetValueOrDefault(name) ?? throw new ArgumentException($"--{name} is needed.");

    public string Text(string name, string otherwise) => values.GetValueOrDefault(name) ?? otherwise;

    public int Number(string name, int otherwise) =>
        values.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>How long to measure.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(Number("seconds", 5));
}
