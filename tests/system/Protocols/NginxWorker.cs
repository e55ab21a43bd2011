namespace WorkerMesh.Tests.System.Protocols;

/// <summary>nginx as a worker: it serves files, and takes them by PUT.</summary>
internal sealed class NginxWorker : IAsyncDisposable
{
    private NginxWorker(ChildProcess process, Api direct) => (Process, Direct) = (process, direct);

    public ChildProcess Process { get; }

    public Api Direct { get; }

    public string Url => Direct.Address.GetLeftPart(UriPartial.Authority);

    public static async Task<NginxWorker> StartAsync()
    {
        var directory = Guard.CreateDirectory();
        Directory.CreateDirectory($"{directory}/files");
        var port = FreePort.Take();
        var configuration = $$"""
            daemon off;
            master_process off;
            pid {{directory}}/pid;
            events { }
            http {
                access_log off;
                client_max_body_size 0;
                client_body_temp_path {{directory}}/body;
                proxy_temp_path {{directory}}/proxy;
                fastcgi_temp_path {{directory}}/fastcgi;
                uwsgi_temp_path {{directory}}/uwsgi;
                scgi_temp_path {{directory}}/scgi;
                server {
                    listen 127.0.0.1:{{port}};
                    location /files/ {
                        root {{directory}};
                        dav_methods PUT DELETE;
                    }
                    location / {
                        return 200 "$request_method $request_uri $server_protocol $http_x_forwarded_prefix";
                    }
                }
            }
            """;
        var file = $"{directory}/nginx.conf";
        await File.WriteAllTextAsync(file, configuration, TestContext.Current.CancellationToken);
        // Debian keeps it where only root looks.
        var program = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        var process = ChildProcess.Start("nginx", program, ["-c", file, "-e", "stderr"]);
        var worker = new NginxWorker(process, new(new($"http://127.0.0.1:{port}")));
        try
        {
            await Eventually.Equals("nginx", 200, worker.StatusAsync);
            return worker;
        }
        catch
        {
            await worker.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Direct.Dispose();
        await Process.DisposeAsync();
    }

    private async Task<int> StatusAsync()
    {
        try
        {
            return (await Direct.GetAsync("/")).Status;
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }
}
