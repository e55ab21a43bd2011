using System.Net.Http.Headers;
using System.Net.Mime;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>
/// Sends one job to many workers, a bounded number at once; each has its own time, so none holds up the others.
/// </summary>
internal sealed class JobSender(WorkerClient client, RouteTable routes, TimeProvider clock, IOptions<GatewayOptions> options)
{
    private const int AtOnce = 64;

    /// <summary>The longest answer that is passed on, in bytes; the rest of a longer one is not read.</summary>
    private const int MaxAnswer = 256 * 1024;

    public async Task<IReadOnlyList<JobResultBody>> Send(
        JobRequest job, IReadOnlyList<WorkerDescription> workers, CancellationToken cancellationToken)
    {
        var results = new JobResultBody[workers.Count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, workers.Count),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (i, token) => results[i] = await SendOne(job, workers[i], token));
        return results;
    }

    private async Task<JobResultBody> SendOne(JobRequest job, WorkerDescription worker, CancellationToken cancellationToken)
    {
        var id = worker.Record.Id;
        var urls = worker.Record.Registration.Urls;
        var first = (routes.Links.Find(id)?.Candidate ?? 0) % urls.Length;
        using var limit = new CancellationTokenSource(options.Value.JobTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        for (var tried = 1; ; tried++)
        {
            try
            {
                return await SendTo(urls[(first + tried - 1) % urls.Length], job, id.Value, either.Token);
            }
            catch (HttpRequestException e) when (e.HttpRequestError
                is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError)
            {
                if (tried == urls.Length)
                {
                    return new(id.Value, JobResultBody.Error, "Could not be connected to.", null);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                return new(id.Value, JobResultBody.Error, "The connection broke before the answer was whole.", null);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return new(id.Value, JobResultBody.Error, $"No answer within {options.Value.JobTimeout.TotalSeconds:0.###} s.", null);
            }
        }
    }

    private async Task<JobResultBody> SendTo(string url, JobRequest job, string worker, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/service/{job.Type}")
        {
            Content = new StringContent(job.Data, new MediaTypeHeaderValue(MediaTypeNames.Application.Json)),
        };
        using var response = await client.Invoker.SendAsync(request, cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxAnswer];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        var status = response.IsSuccessStatusCode ? JobResultBody.Success : JobResultBody.Error;
        return new(worker, status, $"HTTP {(int)response.StatusCode}", AsJson(buffer.AsSpan(0, length)));
    }

    /// <summary>The answer as it came if it is JSON, else as a JSON string; null where there is none.</summary>
    private static Api.RawJson? AsJson(ReadOnlySpan<byte> answer)
    {
        if (answer.IsEmpty)
        {
            return null;
        }

        var reader = new Utf8JsonReader(answer);
        try
        {
            if (JsonDocument.TryParseValue(ref reader, out var parsed) && reader.BytesConsumed == answer.Length)
            {
                using (parsed)
                {
                    return new(parsed.RootElement.GetRawText());
                }
            }
        }
        catch (JsonException)
        {
            // Some other text.
        }

        return new(JsonSerializer.Serialize(Encoding.UTF8.GetString(answer)));
    }
}
