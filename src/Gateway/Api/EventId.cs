using System.Globalization;

namespace WorkerMesh.Gateway.Api;

/// <summary>The id of an event: a point in a service type's history.</summary>
internal readonly record struct EventId(long Epoch, long Version)
{
    /// <summary>Null for anything that is not an id: the stream then begins with a snapshot, as without one.</summary>
    public static EventId? TryParse(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash > 0
            && long.TryParse(text.AsSpan(0, dash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var epoch)
            && long.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var version)
                ? new(epoch, version)
                : null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch:x}-{Version}");
}
