namespace WorkerMesh.Tests.System.BadInput;

/// <summary>A request that must be refused.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Path">Its path, in which {id} and {service} stand for those of a worker that exists.</param>
/// <param name="Body">Its body, with the same; null for none.</param>
/// <param name="Status">How it must be refused.</param>
/// <param name="Field">What the answer must name as wrong.</param>
public sealed record BadRequest(string Method, string Path, string? Body, int Status, string Field)
{
    /// <summary>A registration of the worker that exists, with one member that is wrong.</summary>
    public static BadRequest Member(string member, string json, string? field = null) =>
        new("PUT", "/api/workers/{id}", Registration(member, json), 400, field ?? member);

    /// <summary>
    /// A heartbeat of the worker that exists, with one member that is wrong, and one that would show.
    /// </summary>
    public static BadRequest Beat(string member, string json) =>
        new("POST", "/api/workers/{id}/heartbeat", $$"""{"active_requests":77,"{{member}}":{{json}}}""", 400, member);

    /// <summary>A registration of a worker with such an id.</summary>
    public static BadRequest Id(string id, string field = "worker_id") =>
        new("PUT", $"/api/workers/{id}", Registration("weight", "5"), 400, field);

    public static BadRequest Query(string path, string field) => new("GET", path, null, 400, field);

    /// <summary>Right but for this member.</summary>
    public static string Registration(string member, string json)
    {
        var members = new Dictionary<string, string>
        {
            ["url"] = "\"http://127.0.0.1:9\"",
            ["services"] = "[\"{service}\"]",
            ["zone"] = "\"rack-z\"",
            [member] = json,
        };
        return $"{{{string.Join(',', members.Where(m => m.Value.Length > 0).Select(m => $"\"{m.Key}\":{m.Value}"))}}}";
    }
}
