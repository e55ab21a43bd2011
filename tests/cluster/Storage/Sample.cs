using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>Records for tests of the store.</summary>
internal static class Sample
{
    public static WorkerRecord Record(
        string id, long incarnation = 1, string[]? services = null, string? zone = null, Guid? operation = null) => new(
        WorkerId.Parse(id),
        incarnation,
        new Registration
        {
            Urls = [$"http://{id}:8000"],
            Services = [.. (services ?? ["echo"]).Select(ServiceType.ParseKey)],
            Zone = zone,
        },
        Draining: false,
        operation ?? Guid.NewGuid(),
        Replaced: false,
        new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));

    /// <summary>Whether every field came back, also those that a later version adds.</summary>
    public static void AssertSame(WorkerRecord expected, WorkerRecord? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Registration.Urls, actual.Registration.Urls);
        Assert.Equal(expected.Registration.Services, actual.Registration.Services);
        // The arrays compare by reference, so they have to be the same ones for the rest to be compared.
        var arrays = actual.Registration;
        var registration = expected.Registration with { Urls = arrays.Urls, Services = arrays.Services };
        Assert.Equal(expected with { Registration = registration }, actual);
    }

    /// <summary>The ids of the workers of a registry key, over all pages.</summary>
    public static async Task<List<string>> IdsAsync(
        this IWorkerStore store, string? key = null, string? zone = null, int limit = 1000)
    {
        var ids = new List<string>();
        WorkerId? after = null;
        while (true)
        {
            var page = await store.ReadPageAsync(
                new WorkerPage(limit, after, key is null ? null : ServiceType.ParseKey(key), zone),
                TestContext.Current.CancellationToken);
            Assert.True(page.Count <= limit);
            if (page.Count == 0)
            {
                return ids;
            }

            ids.AddRange(page.Select(record => record.Id.Value));
            after = page[^1].Id;
        }
    }
}
