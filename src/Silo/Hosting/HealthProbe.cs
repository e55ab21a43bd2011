namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// The program as its own health check (<c>--health URL</c>), so that an image needs no other program that speaks HTTP.
/// </summary>
public static class HealthProbe
{
    private const string Switch = "--health";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>The URL to ask, or null where the program is to run as usual.</summary>
    public static Uri? Asked(string[] args) =>
        args is [Switch, var url] && Uri.TryCreate(url, UriKind.Absolute, out var parsed) ? parsed : null;

    /// <summary>0 where it answers with success; else 1, with the reason on standard error.</summary>
    public static async Task<int> RunAsync(Uri url)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };
        try
        {
            using var answer = await client.GetAsync(url);
            if (answer.IsSuccessStatusCode)
            {
                return 0;
            }

            await Console.Error.WriteLineAsync($"{url} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"{url} did not answer: {e.Message}");
        }

        return 1;
    }
}
