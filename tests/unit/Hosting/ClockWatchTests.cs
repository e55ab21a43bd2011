using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

/// <summary>What looks at the clock while a silo runs.</summary>
public sealed class ClockWatchTests
{
    [Theory]
    [InlineData("Host=nowhere.invalid;Timeout=2")]
    [InlineData("Host=127.0.0.1;Port=1;Timeout=2")]
    public async Task A_database_that_is_gone_or_has_no_address_ends_nothing(string database)
    {
        await using var source = NpgsqlDataSource.Create(database + ";Database=x;Username=x");
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var watch = new ClockWatch(
            new(source, IPAddress.Loopback, 0),
            services.GetRequiredService<IMeterFactory>(),
            TimeProvider.System,
            NullLogger<ClockWatch>.Instance);

        await watch.StartAsync(TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<TimeoutException>(
            () => watch.ExecuteTask!.WaitAsync(TimeSpan.FromSeconds(3), TimeProvider.System, TestContext.Current.CancellationToken));
        await watch.StopAsync(TestContext.Current.CancellationToken);
        Assert.True(watch.ExecuteTask!.IsCompletedSuccessfully);
    }
}
