using Microsoft.Extensions.Hosting;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Silo.Hosting;

/// <summary>Opens the embedded store before the silo starts.</summary>
internal sealed class EmbeddedStorePreparation(IWorkerStore store) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => store.InitializeAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
