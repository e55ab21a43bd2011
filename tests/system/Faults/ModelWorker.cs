using System.Text.Json;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>What was acknowledged of a worker, or is said of it.</summary>
/// <param name="Incarnation">Which registration of it that is.</param>
/// <param name="Weight">Its weight: another one with each registration.</param>
/// <param name="Services">Its service types, in order, with a space after each.</param>
/// <param name="Draining">Whether it gets no new requests.</param>
public sealed record ModelWorker(long Incarnation, int Weight, string Services, bool Draining)
{
    /// <summary>That of it which a list of a service type shows.</summary>
    public string Brief => $"incarnation {Incarnation}, weight {Weight}{(Draining ? ", draining" : "")}";

    public bool Offers(string service) => Services.Contains(service + ' ', StringComparison.Ordinal);

    public static string Join(IEnumerable<string> services) =>
        string.Concat(services.Order(StringComparer.Ordinal).Select(service => service + ' '));

    /// <summary>One of /api/workers.</summary>
    public static ModelWorker Read(JsonElement worker) => new(
        worker.GetProperty("incarnation").GetInt64(),
        worker.GetProperty("weight").GetInt32(),
        Join(worker.GetProperty("services").EnumerateArray().Select(service => service.GetString()!)),
        IsDraining(worker));

    /// <summary><see cref="Brief"/> of one of /api/services/{type}.</summary>
    public static string BriefOf(JsonElement worker) => new ModelWorker(
        worker.GetProperty("incarnation").GetInt64(), worker.GetProperty("weight").GetInt32(), "", IsDraining(worker)).Brief;

    private static bool IsDraining(JsonElement worker) => worker.GetProperty("state").GetString() == "draining";
}
