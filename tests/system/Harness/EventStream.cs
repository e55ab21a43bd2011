using System.Net.ServerSentEvents;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>The events of a service type, as one gateway sends them.</summary>
public sealed class EventStream : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly HttpResponseMessage _response;
    private readonly IAsyncEnumerator<SseItem<string>> _events;

    private EventStream(HttpResponseMessage response, IAsyncEnumerator<SseItem<string>> events)
    {
        _response = response;
        _events = events;
    }

    public static async Task<EventStream> OpenAsync(Api api, Service service, string? lastEventId = null)
    {
        var token = TestContext.Current.CancellationToken;
        using var request = new HttpRequestMessage(HttpMethod.Get, api.Uri($"/api/services/{service.Name}/events"));
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var response = await api.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        var parser = SseParser.Create(await response.Content.ReadAsStreamAsync(token));
        return new(response, parser.EnumerateAsync(CancellationToken.None).GetAsyncEnumerator(token));
    }

    /// <summary>The next event.</summary>
    public async Task<Event> NextAsync()
    {
        var more = await _events.MoveNextAsync().AsTask().WaitAsync(Patience, TimeProvider.System);
        Assert.True(more, "The stream has ended.");
        var next = _events.Current;
        using var data = JsonDocument.Parse(next.Data);
        return new(next.EventType, next.EventId, data.RootElement.Clone());
    }

    /// <summary>The next event of this kind about this worker; others are passed over.</summary>
    public async Task<Event> NextAsync(string kind, string worker)
    {
        while (true)
        {
            var next = await NextAsync();
            if (next.Kind == kind && next.Worker == worker)
            {
                return next;
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        // The enumerator may be in the middle of a read that failed: ending the response ends it.
        _response.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>One event.</summary>
/// <param name="Kind">snapshot, added, changed or removed.</param>
/// <param name="Id">What to resume from.</param>
/// <param name="Data">What it says.</param>
public sealed record Event(string Kind, string? Id, JsonElement Data)
{
    public string? Worker => Data.TryGetProperty("worker_id", out var id) ? id.GetString() : null;

    public string? State => Data.GetProperty("state").GetString();
}
