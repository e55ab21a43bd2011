using static WorkerMesh.Tests.System.BadInput.BadRequest;

namespace WorkerMesh.Tests.System.BadInput;

/// <summary>The requests that must be refused, by a name for people.</summary>
internal static class BadRequests
{
    private static readonly string SixtyFiveServices = $"[{List(65, i => $"\"s{i}\"")}]";

    private static readonly string BigCapabilities = $$"""{"text":"{{new string('x', 17 * 1024)}}"}""";

    private static readonly string ThousandAndOne =
        $$"""{"workers":[{{List(1001, i => $$"""{"worker_id":"w{{i}}"}""")}}]}""";

    public static IReadOnlyDictionary<string, BadRequest> All { get; } = new Dictionary<string, BadRequest>
    {
        ["id with an escaped slash"] = Id("a%2Fb"),
        ["id with a slash"] = Id("a/b"),
        ["id with a space"] = Id("a%20b"),
        ["id of 129 characters"] = Id(new('a', 129)),
        ["no id"] = Id(""),
        ["id that begins with a dot"] = Id(".hidden"),
        ["id that is not ASCII"] = Id("%C3%BC"),
        ["id to describe"] = Query("/api/workers/a%20b", "worker_id"),
        ["id to remove"] = new("DELETE", "/api/workers/a%20b", null, 400, "worker_id"),
        ["id to drain"] = new("POST", "/api/workers/a%20b/drain", null, 400, "worker_id"),
        ["id to renew"] = new("POST", "/api/workers/a%20b/heartbeat", "{}", 400, "worker_id"),
        ["JSON cut short"] = new(
            "PUT", "/api/workers/{id}", """{"url":"http://127.0.0.1:9","services":[""", 400, "services[0]"),
        ["JSON with a comma too many"] = new("PUT", "/api/workers/{id}", """{"url":"http://127.0.0.1:9",}""", 400, "$"),
        ["JSON with a member twice"] = new(
            "PUT", "/api/workers/{id}", """{"url":"http://a","url":"http://b"}""", 400, "url"),
        ["no JSON at all"] = new("PUT", "/api/workers/{id}", "url=http://127.0.0.1:9", 400, "$"),
        ["an array"] = new("PUT", "/api/workers/{id}", "[]", 400, "$"),
        ["an empty body"] = new("PUT", "/api/workers/{id}", "", 400, "$"),
        ["no URL"] = Member("url", ""),
        ["URL of another scheme"] = Member("url", "\"ftp://127.0.0.1:21\""),
        ["relative URL"] = Member("url", "\"/worker\""),
        ["URL without a scheme"] = Member("url", "\"127.0.0.1:9\""),
        ["URL that is a number"] = Member("url", "8104"),
        ["URL and URLs"] = Member("urls", "[\"http://127.0.0.1:9\"]"),
        ["nine URLs"] = new(
            "PUT",
            "/api/workers/{id}",
            $$"""{"services":[],"urls":[{{List(9, i => $"\"http://h{i}\"")}}]}""",
            400,
            "urls"),
        ["a bad one of the URLs"] = new(
            "PUT", "/api/workers/{id}", """{"services":[],"urls":["http://h1","ftp://h2"]}""", 400, "urls[1]"),
        ["65 services"] = Member("services", SixtyFiveServices),
        ["services that are a text"] = Member("services", "\"{service}\""),
        ["service with a space"] = Member("services", "[\"{service}\",\"a b\"]", "services[1]"),
        ["the same service twice"] = Member("services", "[\"{service}\",\"{service}\"]", "services[1]"),
        ["17 KiB of capabilities"] = Member("capabilities", BigCapabilities),
        ["capabilities that are an array"] = Member("capabilities", "[\"has_gpu\"]"),
        ["lease of 0"] = Member("lease_seconds", "0"),
        ["lease of 1e9"] = Member("lease_seconds", "1e9"),
        ["lease that is a text"] = Member("lease_seconds", "\"15\""),
        ["weight of 0"] = Member("weight", "0"),
        ["weight of 1001"] = Member("weight", "1001"),
        ["weight of 1.5"] = Member("weight", "1.5"),
        ["no places"] = Member("max_concurrency", "0"),
        ["zone with a space"] = Member("zone", "\"rack a\""),
        ["health without a path"] = Member("health", "{}", "health.path"),
        ["health path without a slash"] = Member("health", "{\"path\":\"health\"}", "health.path"),
        ["health checked all the time"] = Member(
            "health", """{"path":"/h","interval_seconds":0}""", "health.interval_seconds"),
        ["check that is neither"] = new(
            "PUT", "/api/workers/{id}?check=perhaps", Registration("weight", "5"), 400, "check"),
        ["a registration that is too late"] = new(
            "PUT", "/api/workers/{id}", Registration("incarnation", "1"), 409, "incarnation"),
        ["load that is not a number"] = Beat("current_load", "\"NaN\""),
        ["load that is not JSON"] = Beat("current_load", "NaN"),
        ["negative load"] = Beat("current_load", "-0.1"),
        ["load beyond all bounds"] = Beat("current_load", "1e400"),
        ["negative requests"] = Beat("active_requests", "-1"),
        ["unknown status"] = Beat("status", "\"fine\""),
        ["incarnation of 0"] = Beat("incarnation", "0"),
        ["a heartbeat that is too late"] = Beat("incarnation", "1") with { Status = 409 },
        ["a heartbeat from nowhere"] = new("POST", "/api/workers/{id}-none/heartbeat", "{}", 404, "worker_id"),
        ["describing nobody"] = new("GET", "/api/workers/{id}-none", null, 404, "worker_id"),
        ["draining nobody"] = new("POST", "/api/workers/{id}-none/drain", null, 404, "worker_id"),
        ["removing nobody"] = new("DELETE", "/api/workers/{id}-none", null, 404, "worker_id"),
        ["batch without workers"] = new("POST", "/api/workers/heartbeats", "{}", 400, "workers"),
        ["batch of none"] = new("POST", "/api/workers/heartbeats", """{"workers":[]}""", 400, "workers"),
        ["batch of 1001"] = new("POST", "/api/workers/heartbeats", ThousandAndOne, 400, "workers"),
        ["batch with one that is wrong"] = new(
            "POST",
            "/api/workers/heartbeats",
            """{"workers":[{"worker_id":"{id}","active_requests":77},{"worker_id":"x","current_load":-1}]}""",
            400,
            "workers[1].current_load"),
        ["batch with one that has no id"] = new(
            "POST",
            "/api/workers/heartbeats",
            """{"workers":[{"worker_id":"{id}"},{}]}""",
            400,
            "workers[1].worker_id"),
        ["batch with the same twice"] = new(
            "POST",
            "/api/workers/heartbeats",
            """{"workers":[{"worker_id":"{id}"},{"worker_id":"{id}"}]}""",
            400,
            "workers[1].worker_id"),
        ["page of 0"] = Query("/api/workers?limit=0", "limit"),
        ["page of 1001"] = Query("/api/workers?limit=1001", "limit"),
        ["page of many"] = Query("/api/workers?limit=many", "limit"),
        ["page of an unknown state"] = Query("/api/workers?state=fine", "state"),
        ["page after nobody"] = Query("/api/workers?after=a%20b", "after"),
        ["page of a bad service"] = Query("/api/workers?service=a%2Fb", "service"),
        ["page of two zones"] = Query("/api/workers?zone=a&zone=b", "zone"),
        ["service with a space to find"] = Query("/api/services/a%20b", "type"),
        ["service with a space to follow"] = Query("/api/services/a%20b/events", "type"),
        ["service with a space to forward to"] = Query("/service/a%20b/x", "type"),
        ["negative index"] = Query("/api/services/{service}?index=-1&wait=1", "index"),
        ["wait of 56 s"] = Query("/api/services/{service}?index=1&wait=56", "wait"),
        ["wait that is no number"] = Query("/api/services/{service}?index=1&wait=NaN", "wait"),
        ["capability without a name"] = Query("/api/services/{service}?capability=>=3", "capability"),
        ["capability compared with a text"] = Query("/api/services/{service}?capability=vram>=much", "capability"),
        ["find in an unknown state"] = Query("/api/services/{service}?state=fine", "state"),
        ["topology of too many"] = Query("/api/topology?limit=1001", "limit"),
        ["stats of a bad service"] = Query("/api/stats?service=a%20b", "service"),
    };

    private static string List(int count, Func<int, string> item) =>
        string.Join(',', Enumerable.Range(0, count).Select(item));
}
