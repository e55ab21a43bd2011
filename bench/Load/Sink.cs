using System.Globalization;

namespace WorkerMesh.Load;

/// <summary>The worker that large uploads go to: reads the body and answers with its length.</summary>
internal static class Sink
{
    public static async Task RunAsync(Arguments arguments)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(arguments.Text("url"));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        await using var app = builder.Build();
        app.Map("/{**path}", async (HttpContext context) =>
        {
            long length = 0;
            while (true)
            {
                var read = await context.Request.BodyReader.ReadAsync();
                length += read.Buffer.Length;
                context.Request.BodyReader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    await context.Response.WriteAsync(length.ToString(CultureInfo.InvariantCulture));
                    return;
                }
            }
        });
        await app.RunAsync();
    }
}
