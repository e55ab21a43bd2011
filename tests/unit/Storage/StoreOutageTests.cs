using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Tests.Unit.Storage;

/// <summary>What operators are told of a store that fails.</summary>
public sealed class StoreOutageTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly Meter _meter = new("test");
    private readonly Lines _lines = new();
    private readonly StoreOutage _outage;

    public StoreOutageTests() => _outage = new("Things", _meter.CreateCounter<long>("failures"), _time, _lines);

    public void Dispose() => _meter.Dispose();

    [Fact]
    public async Task It_is_told_when_it_begins_once_a_minute_and_when_it_is_over()
    {
        await WorksAsync();
        Assert.Empty(_lines.All);

        await FailsAsync();
        await FailsAsync();
        _time.Advance(TimeSpan.FromSeconds(59));
        await FailsAsync();
        Assert.Equal(["Warning Things: No disk. Clients get 503."], _lines.All);

        _time.Advance(TimeSpan.FromSeconds(1));
        await FailsAsync();
        Assert.Equal(2, _lines.All.Count);

        _time.Advance(TimeSpan.FromSeconds(5));
        await WorksAsync();
        await WorksAsync();
        Assert.Equal("Information Things: no longer, after 65 s.", _lines.All[^1]);
        Assert.Equal(3, _lines.All.Count);
    }

    [Fact]
    public async Task Where_some_fail_and_some_do_not_it_goes_on()
    {
        for (var i = 0; i < 100; i++)
        {
            await FailsAsync();
            await WorksAsync();
            _time.Advance(TimeSpan.FromSeconds(0.5));
        }

        Assert.Single(_lines.All);
    }

    [Fact]
    public async Task What_is_no_failure_of_the_store_is_passed_on_untold()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => _outage.Watch(Task.FromException<int>(new InvalidOperationException())));

        Assert.Empty(_lines.All);
    }

    [Fact]
    public void An_operation_that_has_worked_at_once_is_not_wrapped()
    {
        var operation = Task.FromResult(1);

        Assert.Same(operation, _outage.Watch(operation));
    }

    private Task<int> WorksAsync() => _outage.Watch(Task.FromResult(1));

    private Task<StoreUnavailableException> FailsAsync() => Assert.ThrowsAsync<StoreUnavailableException>(
        () => _outage.Watch(Task.FromException<int>(new StoreUnavailableException("No disk."))));

    private sealed class Lines : ILogger
    {
        public List<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Add($"{logLevel} {formatter(state, exception)}");
    }
}
