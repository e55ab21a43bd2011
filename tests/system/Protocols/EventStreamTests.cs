using System.Net.ServerSentEvents;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Event streams: what a worker sends arrives then, and not when there is more.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class EventStreamTests(EmbeddedMesh mesh)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Each_event_arrives_before_the_next_is_sent(string version)
    {
        await using var service = mesh.NewService("events");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker);
        var tag = $"{service.Name}-{version}";
        using var request = new HttpRequestMessage(HttpMethod.Get, mesh.Api.Uri($"{service.Path}/events?tag={tag}"))
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var response = await mesh.Api.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        await using var events = SseParser.Create(await response.Content.ReadAsStreamAsync(Token))
            .EnumerateAsync(Token).GetAsyncEnumerator(Token);
        for (var i = 0; i < 5; i++)
        {
            // One a second, as models answer; the next is asked for only when this one is here.
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, Token);
            (await worker.Direct.PostAsync($"/event?tag={tag}", $"{i}")).Expect(204);
            Assert.True(await events.MoveNextAsync());
            Assert.Equal($"{i}", events.Current.Data);
        }

        (await worker.Direct.PostAsync($"/event?tag={tag}", "")).Expect(204);
        Assert.False(await events.MoveNextAsync());
    }
}
