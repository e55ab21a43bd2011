using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>How it comes into memory with the first call, and leaves it where it was of no use.</summary>
internal sealed partial class ServiceRegistryGrain
{
    private Task<InstanceTable>? loading;
    private GrainAlarm unusedAlarm = null!;

    private ValueTask<InstanceTable> Load()
    {
        calledAt = clock.Elapsed();
        if (table is not null)
        {
            return new(table);
        }

        // One read for all calls that wait for it, because the read-only ones run side by side: another would replace a
        // table that has been told of things since. The next call tries again after one that failed.
        if (loading is null or { IsFaulted: true })
        {
            loading = ReadStore();
        }

        return new(loading);

        async Task<InstanceTable> ReadStore()
        {
            // Above the versions of any activation before: nobody makes a million changes a second for long.
            var firstVersion = clock.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
            var loaded = new InstanceTable(serviceType, Random.Shared.NextInt64(1, long.MaxValue), firstVersion, options);
            await foreach (var page in store.ReadPagesAsync(serviceType, CancellationToken.None))
            {
                var now = clock.Elapsed();
                foreach (var record in page)
                {
                    // A lease of grace: nothing was heard of it here yet, which says nothing about the worker.
                    loaded.Join(new(record, new Liveness(now).ToRenewal(record.Id, record.Incarnation, now)), now);
                }
            }

            lock (gate)
            {
                table = loaded;
                announced = loaded.Version;
                Changed(loaded);
            }

            if (loaded.IsBlank)
            {
                // Anybody can ask for any name.
                LogBlank(serviceType);
                unusedAlarm.Within(ToldAfterCall);
            }
            else
            {
                LogLoaded(serviceType, loaded.Count);
            }

            return loaded;
        }
    }

    /// <summary>Who asks for names at random is not to fill the memory: registries that others join stay as any grain does.</summary>
    private Task LeaveIfUnused()
    {
        lock (gate)
        {
            if (table!.IsBlank)
            {
                if (MayBeTold())
                {
                    unusedAlarm.At(calledAt + ToldAfterCall);
                }
                else
                {
                    DeactivateOnIdle();
                }
            }
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(1000, LogLevel.Information, "Registry of {ServiceType} holds {Count} workers from the store.")]
    private partial void LogLoaded(ServiceType serviceType, int count);

    [LoggerMessage(1003, LogLevel.Debug, "Registry of {ServiceType} holds no worker yet.")]
    private partial void LogBlank(ServiceType serviceType);
}
