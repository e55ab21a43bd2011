using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Reading;

/// <summary>
/// Reads the ids in a path. Routing decodes what is percent-encoded but for %2F, so an id with a slash comes with a
/// '%' here: refused like the slash.
/// </summary>
internal static class PathReader
{
    /// <summary>A worker id; null, and an error at <c>worker_id</c>, where it is none.</summary>
    public static WorkerId? WorkerId(string? raw, FieldErrors errors)
    {
        if (Grains.Identity.WorkerId.TryParse(raw, out var id))
        {
            return id;
        }

        errors.Add("worker_id", $"Must be a worker id, {Identifier.Rule}, not {Quoted.Text(raw)}.");
        return null;
    }

    /// <summary>A service type; null, and an error at <c>type</c>, where it is none.</summary>
    public static ServiceType? ServiceType(string? raw, FieldErrors errors)
    {
        if (Grains.Identity.ServiceType.TryParse(raw, out var type))
        {
            return type;
        }

        errors.Add("type", $"Must be a service type, {Identifier.Rule}, not {Quoted.Text(raw)}.");
        return null;
    }
}
