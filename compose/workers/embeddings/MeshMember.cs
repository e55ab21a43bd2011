using System.Net;

namespace WorkerMesh.Examples.Embeddings;

/// <summary>
/// Keeps this worker registered under its container's name: registers until it is told yes, renews every third of its
/// lease, registers again where it is not known, and unregisters when it stops. What failed is tried again soon: the
/// lease runs on meanwhile, and a call that failed may have taken most of it.
/// </summary>
internal sealed partial class MeshMember(HttpClient mesh, TimeProvider clock, ILogger<MeshMember> logger) : BackgroundService
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(0.5);
    private readonly string path = $"/api/workers/embeddings-{Environment.MachineName}";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (interval, pause) = (Retry, TimeSpan.Zero);
        var registered = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!registered)
                {
                    var answer = await RegisterAsync(stoppingToken);
                    LogRegistered(answer.WorkerId);
                    registered = true;
                    interval = pause = TimeSpan.FromSeconds(answer.HeartbeatSeconds);
                    continue;
                }

                using var renewed = await mesh.PostAsync(path + "/heartbeat", null, stoppingToken);
                registered = renewed.StatusCode is not (HttpStatusCode.NotFound or HttpStatusCode.Conflict);
                pause = renewed.IsSuccessStatusCode ? interval : Retry;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !stoppingToken.IsCancellationRequested)
            {
                LogNotReached(e.Message);
                pause = Retry;
            }
            catch (OperationCanceledException)
            {
                // Told to stop.
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            using var _ = await mesh.DeleteAsync(path, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            LogNotReached(e.Message);
        }
    }

    private async Task<Registered> RegisterAsync(CancellationToken cancellationToken)
    {
        using var answer = await mesh.PutAsJsonAsync(
            path,
            new
            {
                url = $"http://{Environment.MachineName}:9000",
                services = (string[])["embeddings"],
                health = new { path = "/health" },
            },
            cancellationToken);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<Registered>(SnakeCase.Options, cancellationToken))!;
    }

    [LoggerMessage(1, LogLevel.Information, "Registered as {WorkerId}.")]
    private partial void LogRegistered(string workerId);

    [LoggerMessage(2, LogLevel.Warning, "The mesh was not reached ({Reason}).")]
    private partial void LogNotReached(string reason);
}
