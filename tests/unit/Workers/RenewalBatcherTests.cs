using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Registry;

namespace WorkerMesh.Tests.Unit.Workers;

public sealed class RenewalBatcherTests : IAsyncLifetime
{
    private readonly RegistryOptions options = new();
    private readonly SignallingClock clock = new();
    private readonly FakeGrains grains;
    private readonly RenewalBatcher batcher;

    public RenewalBatcherTests()
    {
        (var factory, grains) = FakeGrains.Create();
        batcher = new(
            new(), new(new(), factory, clock), new(() => [], factory, clock), factory, clock, Options.Create(options),
            NullLogger<RenewalBatcher>.Instance);
    }

    public async ValueTask InitializeAsync()
    {
        await batcher.StartAsync(TestContext.Current.CancellationToken);
        // It starts on a thread of its own; its intervals are counted from here.
        await clock.TimerCreated;
    }

    public async ValueTask DisposeAsync()
    {
        await batcher.StopAsync(TestContext.Current.CancellationToken);
        batcher.Dispose();
    }

    [Fact]
    public async Task Each_service_type_gets_one_message_an_interval()
    {
        for (var i = 0; i < 100; i++)
        {
            Enqueue(Sample.Ocr, $"w{i}");
            Enqueue(Sample.Echo, $"w{i}");
        }

        clock.Advance(options.RenewalInterval - TimeSpan.FromMilliseconds(1));
        Assert.True(grains.Of(Sample.Ocr).IsQuiet);
        clock.Advance(TimeSpan.FromMilliseconds(1));

        var (ocr, echo) = (await grains.Of(Sample.Ocr).Next(), await grains.Of(Sample.Echo).Next());
        Assert.Equal((100, 100), (ocr.Renewals.Length, echo.Renewals.Length));
        Assert.True(grains.Of(Sample.Ocr).IsQuiet);
    }

    [Fact]
    public async Task Intervals_go_on_after_a_message_that_failed()
    {
        Enqueue(Sample.Ocr, "a");
        clock.Advance(options.RenewalInterval);
        (await grains.Of(Sample.Ocr).Next()).Fail();

        var again = grains.Of(Sample.Ocr).Next();
        while (!again.IsCompleted)
        {
            clock.Advance(options.RenewalInterval);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.Equal(["a"], (await again).Ids);
    }

    [Fact]
    public async Task An_announcement_does_not_wait_for_the_interval()
    {
        var announced = batcher.Announce(Sample.Ocr, WorkerId.Parse("a"), 3, new(clock.Elapsed()));

        var message = await grains.Of(Sample.Ocr).Next();

        Assert.Equal(3, Assert.Single(message.Renewals).Incarnation);
        message.Succeed(version: 7);
        Assert.Equal(7, (await announced).Version);
    }

    private void Enqueue(ServiceType key, string id) =>
        batcher.Enqueue(key, WorkerId.Parse(id), 1, new(clock.Elapsed()));

    private sealed class SignallingClock : FakeTimeProvider
    {
        private readonly TaskCompletionSource created = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task TimerCreated => created.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            created.TrySetResult();
            return timer;
        }
    }
}
