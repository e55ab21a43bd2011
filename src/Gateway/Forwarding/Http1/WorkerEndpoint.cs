using System.Net;
using System.Text;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>Where the URL of a worker leads, taken apart once, and the connections there that rest.</summary>
internal sealed class WorkerEndpoint
{
    private WorkerEndpoint(Uri url, string basePath, TimeProvider clock)
    {
        // The brackets of an IPv6 address belong to the URL.
        EndPoint = new(url.IdnHost, url.Port);
        var host = url.HostNameType == UriHostNameType.IPv6 ? $"[{url.IdnHost}]" : url.IdnHost;
        HostLine = Encoding.ASCII.GetBytes(url.IsDefaultPort ? $"Host: {host}\r\n" : $"Host: {host}:{url.Port}\r\n");
        BasePath = basePath;
        Pool = new(clock);
        UsedAt = clock.Elapsed();
    }

    /// <summary>Looked up for each new connection: a name may come to mean another container.</summary>
    public DnsEndPoint EndPoint { get; }

    /// <summary>The line that addresses the worker by its own name.</summary>
    public byte[] HostLine { get; }

    /// <summary>What comes before each path; empty or begins with '/'.</summary>
    public string BasePath { get; }

    public ConnectionPool Pool { get; }

    /// <summary>When a request last went there.</summary>
    public TimeSpan UsedAt { get; set; }

    /// <summary>Null where the URL has another scheme than http.</summary>
    public static WorkerEndpoint? Of(string url, TimeProvider clock)
    {
        const string scheme = "http://";
        if (!url.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) || !Uri.TryCreate(url, UriKind.Absolute, out var uri))
        {
            return null;
        }

        var path = url.IndexOf('/', scheme.Length);
        return new(uri, path < 0 ? "" : url[path..], clock);
    }
}
