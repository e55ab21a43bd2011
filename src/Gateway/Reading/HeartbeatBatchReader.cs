using System.Text.Json;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Reads the heartbeats of many workers. One that is wrong refuses all, so that none is applied.</summary>
internal static class HeartbeatBatchReader
{
    /// <summary>The most workers in one request.</summary>
    public const int MaxWorkers = 1000;

    private const string Name = "worker_id";

    /// <summary>Reads them, and notes all that is wrong with them; null where something is.</summary>
    /// <param name="body">An object from <see cref="JsonText"/>.</param>
    /// <param name="errors">Where errors go.</param>
    public static IReadOnlyList<WorkerHeartbeat>? Read(JsonElement body, FieldErrors errors)
    {
        var before = errors.Count;
        var fields = new JsonFields(body, errors);
        if (!fields.Has("workers", out _))
        {
            errors.Add("workers", $"Is missing; give an array of 1 to {MaxWorkers} heartbeats, each with a worker_id.");
        }

        var beats = new List<WorkerHeartbeat>();
        var seen = new Dictionary<WorkerId, int>();
        foreach (var (item, path, index) in fields.Items("workers", 1, MaxWorkers, "heartbeats"))
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                errors.Add(path, $"Must be an object with a worker_id, not {JsonFields.Describe(item)}.");
                continue;
            }

            var id = ReadId(item, errors, path);
            if (id is { } known && !seen.TryAdd(known, index))
            {
                errors.Add($"{path}.{Name}", $"Repeats workers[{seen[known]}].{Name}; name each worker once.");
            }

            if (HeartbeatReader.Read(item, errors, $"{path}.") is { } beat && id is { } worker)
            {
                beats.Add(new(worker, beat));
            }
        }

        return errors.Count == before ? beats : null;
    }

    private static WorkerId? ReadId(JsonElement item, FieldErrors errors, string path)
    {
        var fields = new JsonFields(item, errors, $"{path}.");
        if (!fields.Has(Name, out _))
        {
            errors.Add(fields.PathOf(Name), $"Is missing; give the worker's id, {Identifier.Rule}.");
            return null;
        }

        var text = fields.Text(Name, static t => WorkerId.TryParse(t, out _), $"a worker id, {Identifier.Rule}");
        return WorkerId.TryParse(text, out var id) ? id : null;
    }
}
