using System.Text.Json;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Reads a heartbeat. All members are optional; unknown ones are ignored.</summary>
internal static class HeartbeatReader
{
    public const double MaxLoad = 1e6;
    public const int MaxActiveRequests = 1_000_000_000;

    /// <summary>Reads it, and notes all that is wrong with it; null where something is.</summary>
    /// <param name="body">An object from <see cref="JsonText"/>.</param>
    /// <param name="errors">Where errors go.</param>
    /// <param name="pathPrefix">What their paths begin with, such as <c>workers[2].</c></param>
    public static Heartbeat? Read(JsonElement body, FieldErrors errors, string pathPrefix = "")
    {
        var before = errors.Count;
        var fields = new JsonFields(body, errors, pathPrefix);
        var status = fields.Text(
            "status",
            static t => t is JsonNames.Healthy or JsonNames.Degraded,
            $"'{JsonNames.Healthy}' or '{JsonNames.Degraded}'");
        var beat = new Heartbeat
        {
            Incarnation = fields.Integer("incarnation", 1, long.MaxValue),
            Degraded = status is null ? null : status == JsonNames.Degraded,
            CurrentLoad = fields.Number("current_load", 0, MaxLoad),
            ActiveRequests = (int?)fields.Integer("active_requests", 0, MaxActiveRequests),
        };
        return errors.Count == before ? beat : null;
    }
}
