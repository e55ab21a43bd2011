using System.Text.Json.Nodes;

namespace WorkerMesh.Tests.Unit.Dialects;

/// <summary>What the older dialects send.</summary>
internal static class DialectBodies
{
    public const string Coordinator = """
        {
          "worker_id": "ocr-1",
          "tunnel_url": "https://ocr-1.example/",
          "capabilities": {"has_gpu": true, "gpu_memory": "24GB"},
          "services": [{"name": "vision-ocr", "port": 8104, "status": "running"}, {"name": "echo"}],
          "containers": [{"id": "4f2a", "image": "ocr:1"}],
          "vpn_ip": "10.42.0.10"
        }
        """;

    public const string RegistryBody = """
        {
          "worker_id": "ocr-1",
          "service_type": "vision-ocr",
          "url": "http://ocr-1:8104/",
          "capabilities": {"has_gpu": true},
          "zone": "rack-a",
          "lease_seconds": 20,
          "incarnation": 3
        }
        """;

    public const string HeartbeatBody = """
        {
          "worker_id": "ocr-1", "status": "healthy", "current_load": 0.25, "available_memory": 1024.5,
          "loaded_models": ["llama"], "active_requests": 3, "gpu_utilization": 91.5,
          "services_status": {"vision-ocr": "running"}, "specialization": null
        }
        """;

    public const string Job = """
        {"job_type": "vision-ocr", "job_data": {"page": 1}, "required_capability": "has_gpu"}
        """;

    /// <summary>A body with one member replaced, added, or (null) taken out.</summary>
    public static string With(this string body, string member, string? json)
    {
        var node = JsonNode.Parse(body)!.AsObject();
        node.Remove(member);
        if (json is not null)
        {
            node[member] = JsonNode.Parse(json);
        }

        return node.ToJsonString();
    }
}
