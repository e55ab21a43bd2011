using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>A worker in the test process that answers as the test says, and remembers what it was asked.</summary>
internal sealed class ScriptedWorker : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<HttpListenerContext, Task> _answer;

    private ScriptedWorker(int port, Func<HttpListenerContext, Task> answer)
    {
        _answer = answer;
        Url = $"http://127.0.0.1:{port}";
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _ = RunAsync();
    }

    public string Url { get; }

    /// <summary>Method and path of each request, with what its body was.</summary>
    public ConcurrentQueue<(string Request, string Body)> Asked { get; } = [];

    public static ScriptedWorker Start(Func<HttpListenerContext, Task> answer)
    {
        while (true)
        {
            try
            {
                return new(FreePort.Take(), answer);
            }
            catch (HttpListenerException)
            {
                // Somebody took the port in between.
            }
        }
    }

    /// <summary>A worker that always answers with this.</summary>
    public static ScriptedWorker Answering(int status, string json, params (string Name, string Value)[] headers) =>
        Start(context => WriteAsync(context, status, json, headers));

    /// <summary>A worker that never answers.</summary>
    public static ScriptedWorker Hanging() => Start(_ => Task.CompletedTask);

    public void Dispose() => _listener.Close();

    private static async Task WriteAsync(
        HttpListenerContext context, int status, string json, (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        foreach (var (name, value) in headers)
        {
            context.Response.AddHeader(name, value);
        }

        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(json));
        context.Response.Close();
    }

    private async Task RunAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var body = new StreamReader(context.Request.InputStream);
            Asked.Enqueue(($"{context.Request.HttpMethod} {context.Request.RawUrl}", await body.ReadToEndAsync()));
            await _answer(context);
        }
    }
}
