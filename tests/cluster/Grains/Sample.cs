using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Registrations with only what a test cares for spelled out.</summary>
internal static class Sample
{
    public static readonly ServiceType Ocr = ServiceType.ParseKey("vision-ocr");
    public static readonly ServiceType Echo = ServiceType.ParseKey("echo");
    public static readonly ServiceType Ner = ServiceType.ParseKey("ner");
    public static readonly TimeSpan Lease = WorkerMesh.Grains.Workers.Registration.DefaultLease;

    public static Registration Registration(string id, params ServiceType[] services) => new()
    {
        Urls = [$"http://{id}:8000"],
        Services = [.. services],
    };

    /// <summary>A record as an earlier run of the cluster left it in the store.</summary>
    public static WorkerRecord Record(string id, long incarnation, params ServiceType[] services) => new(
        WorkerId.Parse(id),
        incarnation,
        Registration(id, services),
        Draining: false,
        Guid.NewGuid(),
        Replaced: false,
        DateTimeOffset.UnixEpoch);
}
