using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class HealthCheckTests : IAsyncLifetime
{
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MeshFixture mesh = null!;
    private WebApplication endpoint = null!;
    private volatile int status = StatusCodes.Status200OK;
    private volatile bool hanging;

    public async ValueTask InitializeAsync()
    {
        mesh = await MeshFixture.Start(configure: o => o.HealthCheckFailures = 2);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        endpoint = builder.Build();
        endpoint.MapGet("/base/health", async () =>
        {
            await (hanging ? released.Task : Task.CompletedTask);
            return Results.StatusCode(status);
        });
        await endpoint.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        released.TrySetResult();
        await mesh.DisposeAsync();
        await endpoint.DisposeAsync();
    }

    [Fact]
    public async Task A_worker_that_fails_its_check_is_degraded_until_it_passes_again()
    {
        await Register(endpoint.Urls.First() + "/base/");
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Eventually(Describe, d => d.Counters.HealthChecks > 0, "a check");
        Assert.Equal(WorkerState.Online, (await Describe()).State);

        status = StatusCodes.Status500InternalServerError;
        await mesh.Soon(watcher, "a degraded", w => w["a"]!.State == WorkerState.Degraded);
        var failing = await Describe();
        Assert.Equal((WorkerState.Degraded, true, false), (failing.State, failing.FailsCheck, failing.ReportsDegraded));
        Assert.True(failing.Counters.HealthCheckFailures >= 2, $"{failing.Counters.HealthCheckFailures} failures.");
        // What the worker says of itself does not outweigh the check.
        Assert.Equal(WorkerState.Degraded, (await mesh.Worker("a").Heartbeat(new() { Degraded = false })).State);

        status = StatusCodes.Status204NoContent;
        await mesh.Soon(watcher, "a online", w => w["a"]!.State == WorkerState.Online);
        Assert.False((await Describe()).FailsCheck);
    }

    [Fact]
    public async Task One_failed_check_is_not_enough()
    {
        status = StatusCodes.Status503ServiceUnavailable;
        await Register(endpoint.Urls.First() + "/base");
        await mesh.Eventually(Describe, d => d.Counters.HealthCheckFailures == 1, "one failure");
        Assert.Equal(WorkerState.Online, (await Describe()).State);

        status = StatusCodes.Status200OK;
        await mesh.Eventually(Describe, d => d.Counters.HealthChecks == 2, "a check that passed");
        status = StatusCodes.Status503ServiceUnavailable;
        await mesh.Eventually(Describe, d => d.Counters.HealthCheckFailures == 2, "a second failure, not in a row");
        Assert.Equal(WorkerState.Online, (await Describe()).State);
        await mesh.Eventually(Describe, d => d.Counters.HealthCheckFailures == 3, "a third one");
        Assert.Equal(WorkerState.Degraded, (await Describe()).State);
    }

    [Fact]
    public async Task A_worker_that_does_not_answer_its_check_in_time_fails_it()
    {
        hanging = true;
        await Register(endpoint.Urls.First() + "/base", timeout: TimeSpan.FromSeconds(1));
        var watcher = await mesh.Watch(Sample.Ocr);

        await mesh.Soon(watcher, "a degraded", w => w["a"]!.State == WorkerState.Degraded);
    }

    [Fact]
    public async Task A_worker_is_healthy_where_one_of_its_candidates_answers()
    {
        // Nothing listens on port 1.
        await Register("http://127.0.0.1:1", endpoint.Urls.First() + "/base");

        var described = await mesh.Eventually(Describe, d => d.Counters.HealthChecks >= 3, "three checks");

        Assert.Equal((0L, WorkerState.Online), (described.Counters.HealthCheckFailures, described.State));
    }

    [Fact]
    public async Task Checks_end_with_the_lease_and_begin_again_with_a_heartbeat()
    {
        var lease = TimeSpan.FromSeconds(4);
        await Register([endpoint.Urls.First() + "/base"], lease);
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Soon(watcher, "a offline", w => w["a"]!.State == WorkerState.Offline);
        await mesh.Advance(TimeSpan.FromSeconds(3), TimeSpan.FromMilliseconds(100));
        var checks = (await Describe()).Counters.HealthChecks;

        await mesh.Advance(TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100));
        Assert.Equal(checks, (await Describe()).Counters.HealthChecks);
        await mesh.Worker("a").Heartbeat(new());

        await mesh.Eventually(Describe, d => d.Counters.HealthChecks > checks, "another check");
    }

    private async Task<WorkerDescription> Describe() => (await mesh.Worker("a").Describe())!;

    private Task<RegisterAnswer> Register(params string[] urls) => Register(urls, TimeSpan.FromHours(1));

    private Task<RegisterAnswer> Register(string url, TimeSpan timeout) =>
        Register([url], TimeSpan.FromHours(1), timeout);

    private Task<RegisterAnswer> Register(string[] urls, TimeSpan lease, TimeSpan? timeout = null) =>
        mesh.Worker("a").Register(
            Sample.Registration("a", Sample.Ocr) with
            {
                Urls = [.. urls],
                Lease = lease,
                // The tests' clock goes faster than the answers of a real endpoint.
                Health = new()
                {
                    Path = "/health",
                    Interval = TimeSpan.FromSeconds(1),
                    Timeout = timeout ?? TimeSpan.FromMinutes(10),
                },
            },
            Guid.NewGuid(),
            null);
}
