using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>Records and messages with only what a test cares for spelled out.</summary>
internal static class Sample
{
    public static readonly ServiceType Ocr = ServiceType.ParseKey("vision-ocr");
    public static readonly ServiceType Echo = ServiceType.ParseKey("echo");
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    public static WorkerRecord Record(
        string id,
        long incarnation = 1,
        TimeSpan? lease = null,
        bool draining = false,
        params ServiceType[] services) =>
        new(
            WorkerId.Parse(id),
            incarnation,
            new Registration
            {
                Urls = [$"http://{id}:8000"],
                Services = services.Length == 0 ? [Ocr] : [.. services],
                Lease = lease ?? Lease,
            },
            draining,
            Guid.Empty,
            Replaced: incarnation > 1,
            DateTimeOffset.UnixEpoch);

    public static Renewal Renewal(
        string id, long incarnation = 1, bool degraded = false, double load = 0, TimeSpan heardAgo = default) =>
        new(WorkerId.Parse(id), incarnation, degraded, load, ActiveRequests: 0, heardAgo);

    public static Joining Joining(
        WorkerRecord record, double load = 0, bool degraded = false, TimeSpan heardAgo = default) =>
        new(record, Renewal(record.Id.Value, record.Incarnation, degraded, load, heardAgo));

    public static string Name(int number) => $"w{number:D5}";
}
