using System.Collections.Concurrent;
using System.Globalization;

namespace WorkerMesh.Tests.System.Jobs;

/// <summary>What the mesh is for: many requests, several workers, every answer right.</summary>
public abstract class MainJobTests(Mesh mesh)
{
    private const int Requests = 10_000;
    private const int WarmUpRequests = 1000;
    private const int Concurrent = 32;
    private const int MostRounds = 5;

    private static readonly string[] Targets =
    [
        "/plain/{0}?n={0}",
        "/a%2Fb/{0}%20c?q=%20x&empty=&again=1&again=2",
        "/%C3%BC/{0}",
        "//double//{0}/?",
        "/semi;colon={0}/~(tilde)!$&'*+,=:@?a=/?:@",
    ];

    private static readonly HttpMethod[] Methods =
        [HttpMethod.Get, HttpMethod.Post, HttpMethod.Put, HttpMethod.Delete, HttpMethod.Patch];

    [Fact]
    public async Task Ten_thousand_requests_are_spread_evenly_and_every_answer_is_right()
    {
        await using var service = mesh.NewService("main");
        var workers = await mesh.WorkersAsync(3);
        foreach (var worker in workers)
        {
            await service.RegisterAsync(worker);
        }

        var idsByName = workers.ToDictionary(w => w.Name, service.IdOf);
        // A process that compiles its code is slow, and gets less: rightly, but that is not what is counted here.
        await Task.WhenAll(workers.Select(WarmUpAsync));
        await SpreadAsync(service, idsByName, WarmUpRequests);
        // A pause of a busy machine is held against the worker that had it for some seconds, which is longer than a round.
        var byWorker = idsByName.Values.ToDictionary(id => id, _ => 0);
        for (var round = 1; round == 1 || (round <= MostRounds && !IsEven(byWorker)); round++)
        {
            foreach (var (id, count) in await SpreadAsync(service, idsByName, Requests))
            {
                byWorker[id] += count;
            }

            TestContext.Current.TestOutputHelper!.WriteLine($"after {round} rounds: {string.Join(", ", byWorker)}");
        }

        Assert.True(IsEven(byWorker), string.Join(", ", byWorker));
    }

    private static bool IsEven(Dictionary<string, int> byWorker) =>
        byWorker.Values.All(n => Math.Abs(n - (byWorker.Values.Sum() / 3.0)) <= byWorker.Values.Sum() / 3.0 * 0.2);

    private static Task WarmUpAsync(WorkerProcess worker) => Parallel.ForAsync(0, WarmUpRequests, async (i, _) =>
    {
        using var body = new ByteArrayContent(new byte[i]);
        (await worker.Direct.SendAsync(Methods[i % Methods.Length], "/warm", body)).Expect(200);
    });

    private async Task<ConcurrentDictionary<string, int>> SpreadAsync(
        Service service, Dictionary<string, string> idsByName, int requests)
    {
        var byWorker = new ConcurrentDictionary<string, int>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Concurrent };
        await Parallel.ForAsync(0, requests, parallel, async (i, _) =>
        {
            var id = await RequestAsync(service, idsByName, i);
            byWorker.AddOrUpdate(id, 1, (_, n) => n + 1);
        });
        return byWorker;
    }

    /// <summary>Sends the i-th request, checks all that the worker says of it, and returns who answered.</summary>
    private async Task<string> RequestAsync(Service service, Dictionary<string, string> idsByName, int i)
    {
        var gateway = mesh.Gateways[i % mesh.Gateways.Count].Api;
        var target = string.Format(CultureInfo.InvariantCulture, Targets[i / 7 % Targets.Length], i);
        var method = Methods[i % Methods.Length];
        var trace = $"{i:x32}";
        var length = method == HttpMethod.Get || method == HttpMethod.Delete ? 0 : i % 3000;
        var answer = await gateway.SendAsync(
            method,
            service.Path + target,
            length == 0 ? null : new ByteArrayContent(new byte[length]),
            ("traceparent", $"00-{trace[..31]}f-00f067aa0ba902b7-01"),
            ("X-Own", $"{i}"));

        var said = answer.Expect(200).Json;
        Assert.Equal(target, said.GetProperty("path").GetString());
        Assert.Equal(method.Method, said.GetProperty("method").GetString());
        Assert.Equal(length, said.GetProperty("body_bytes").GetInt32());
        Assert.Equal(idsByName[said.GetProperty("worker").GetString()!], answer.MeshWorker);
        Assert.Equal(said.GetProperty("worker").GetString(), answer.Header("X-Worker-Name"));
        var headers = said.GetProperty("headers");
        Assert.Equal($"{i}", headers.GetProperty("X-Own").GetString());
        Assert.Equal("127.0.0.1", headers.GetProperty("X-Forwarded-For").GetString());
        Assert.Equal("http", headers.GetProperty("X-Forwarded-Proto").GetString());
        Assert.Equal(gateway.Address.Authority, headers.GetProperty("X-Forwarded-Host").GetString());
        Assert.Equal(service.Path, headers.GetProperty("X-Forwarded-Prefix").GetString());
        Assert.Equal("1.1 workermesh", headers.GetProperty("Via").GetString());
        var traceparent = headers.GetProperty("traceparent").GetString();
        Assert.StartsWith($"00-{trace[..31]}f-", traceparent, StringComparison.Ordinal);
        return answer.MeshWorker!;
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class MainJobEmbeddedTests(EmbeddedMesh mesh) : MainJobTests(mesh);

[Collection<OnCluster>]
public sealed class MainJobClusterTests(ClusterMesh mesh) : MainJobTests(mesh);
