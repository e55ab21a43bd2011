using System.Runtime.CompilerServices;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage;

/// <summary>Reads more workers than go in a page.</summary>
internal static class WorkerPages
{
    private const int Size = 1000;

    /// <summary>All workers of a service type, by id, in pages: who joins or leaves meanwhile may be among them or not.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer now.</exception>
    public static async IAsyncEnumerable<IReadOnlyList<WorkerRecord>> ReadPagesAsync(
        this IWorkerStore store, ServiceType type, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        WorkerId? after = null;
        do
        {
            var page = await store.ReadPageAsync(new(Size, after, type), cancellationToken);
            yield return page;
            after = page.Count == Size ? page[^1].Id : null;
        }
        while (after is not null);
    }
}
