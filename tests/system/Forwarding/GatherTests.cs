using System.Globalization;
using System.Net;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Many requests at once: those that one thread hears of together are sent together, and each gets its own answer.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class GatherTests(EmbeddedMesh mesh)
{
    private const int Clients = 64;
    private const int RequestsEach = 100;

    [Theory(Timeout = 120_000)]
    [InlineData("true", "true")]
    [InlineData("true", "false")]
    [InlineData("false", "true")]
    public async Task What_many_ask_at_once_is_sent_together(string gather, string inline)
    {
        await using var gateway = await mesh.StartGatewayAsync(
            ("Gateway__GatherSends", gather), ("Gateway__InlineCompletions", inline));
        await using var worker = await WorkerProcess.StartAsync("w");
        await using var service = mesh.NewService("gathered");
        (await service.PutAsync(gateway.Api, service.IdOf("w"), service.Registration(worker.Url))).Expect(201);

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async number =>
        {
            // A connection of its own.
            using var client = new HttpClient { BaseAddress = gateway.Api.Address };
            for (var i = 0; i < RequestsEach; i++)
            {
                // Of a length that no other has.
                var length = i % 2 == 0 ? 0 : (number * RequestsEach) + i;
                using var request = new HttpRequestMessage(
                    length == 0 ? HttpMethod.Get : HttpMethod.Post, $"{service.Path}/{number}-{i}")
                {
                    Content = length == 0 ? null : new ByteArrayContent(new byte[length]),
                };
                using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
                var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                Assert.Contains($"\"path\":\"/{number}-{i}\",\"body_bytes\":{length},", text, StringComparison.Ordinal);
            }
        }));

        var metrics = (await gateway.Api.GetAsync("/metrics")).Expect(200).Text.Split('\n');
        var (turns, gathered) = (Total("mesh_socket_turns_total"), Total("mesh_socket_gathered_total"));
        if (gather == "true" && inline == "true")
        {
            Assert.InRange(turns, 1, gathered - 1);
        }
        else
        {
            Assert.Equal((0, 0), (turns, gathered));
        }

        long Total(string name) => long.Parse(
            Assert.Single(metrics, line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
    }
}
