using System.Text.Json;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Reads the member <c>health</c> of a registration.</summary>
internal static class HealthCheckReader
{
    private const int MaxPathLength = 512;
    private const double MinInterval = 1;
    private const double MaxInterval = 3600;
    private const double MinTimeout = 0.1;
    private const double MaxTimeout = 60;
    private const double DefaultInterval = 5;
    private const double DefaultTimeout = 2;

    /// <summary>The check that is asked for; null where none is, or where it is wrong.</summary>
    public static HealthCheck? Read(JsonFields owner, FieldErrors errors)
    {
        if (owner.OfKind("health", JsonValueKind.Object, "an object with a path, or null") is not { } health)
        {
            return null;
        }

        var before = errors.Count;
        var fields = new JsonFields(health, errors, owner.PathOf("health."));
        if (!fields.Has("path", out _))
        {
            errors.Add(fields.PathOf("path"), "Is missing; give the path to fetch, such as '/health'.");
        }

        var path = fields.Text(
            "path",
            IsPath,
            $"a path of at most {MaxPathLength} visible ASCII characters, beginning with '/' and without '#'");
        var interval = fields.Number("interval_seconds", MinInterval, MaxInterval) ?? DefaultInterval;
        var timeout = fields.Number("timeout_seconds", MinTimeout, MaxTimeout);
        if (errors.Count == before && timeout > interval)
        {
            errors.Add(
                fields.PathOf("timeout_seconds"),
                FormattableString.Invariant($"Must be at most interval_seconds, which is {interval}, not {timeout}."));
        }

        return errors.Count != before ? null : new()
        {
            Path = path!,
            Interval = TimeSpan.FromSeconds(interval),
            // Who asks for a short interval and names no time-out means one that fits.
            Timeout = TimeSpan.FromSeconds(timeout ?? Math.Min(DefaultTimeout, interval)),
        };
    }

    private static bool IsPath(string text) =>
        text.Length is > 0 and <= MaxPathLength
        && text[0] == '/'
        && !text.AsSpan().ContainsAnyExceptInRange('!', '~')
        && !text.Contains('#');
}
