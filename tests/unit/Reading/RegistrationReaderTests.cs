using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class RegistrationReaderTests
{
    [Fact]
    public async Task All_members_are_read()
    {
        var (request, errors) = await Read(Bodies.Registration);

        Assert.Empty(errors);
        var read = request!.Registration;
        Assert.Equal(["http://ocr-1:8104"], read.Urls);
        Assert.Equal(["vision-ocr", "echo"], read.Services.Select(s => s.Value));
        Assert.Equal("""{ "has_gpu": true, "gpu_memory": "24GB", "lang": ["en", "fr"] }""", read.Capabilities);
        Assert.Equal("rack-a", read.Zone);
        Assert.Equal(3, read.Weight);
        Assert.Equal(4, read.MaxConcurrency);
        Assert.Equal(TimeSpan.FromSeconds(15.5), read.Lease);
        Assert.Equal(
            new() { Path = "/health", Interval = TimeSpan.FromSeconds(5), Timeout = TimeSpan.FromSeconds(2) },
            read.Health);
        Assert.Equal(7, request.Incarnation);
        Assert.True(request.ServicesGiven);
    }

    [Theory]
    [InlineData("""{"url": "http://ocr-1:8104"}""")]
    [InlineData("""
        {"url": "http://ocr-1:8104", "services": null, "capabilities": null, "zone": null, "weight": null, "x": [1],
         "max_concurrency": null, "lease_seconds": null, "health": null, "incarnation": null, "urls": null}
        """)]
    public async Task Absent_and_null_members_have_their_defaults_and_unknown_ones_are_ignored(string text)
    {
        var (request, errors) = await Read(text);

        Assert.Empty(errors);
        var read = request!.Registration;
        Assert.False(read.Services.IsDefault);
        Assert.Empty(read.Services);
        Assert.False(request.ServicesGiven);
        Assert.Equal("{}", read.Capabilities);
        Assert.Null(read.Zone);
        Assert.Equal(1, read.Weight);
        Assert.Null(read.MaxConcurrency);
        Assert.Equal(Registration.DefaultLease, read.Lease);
        Assert.Null(read.Health);
        Assert.Null(request.Incarnation);
    }

    [Fact]
    public async Task An_empty_list_of_services_is_not_an_absent_one()
    {
        var (request, _) = await Read(Bodies.RegistrationWith(("services", "[]")));

        Assert.True(request!.ServicesGiven);
        Assert.Empty(request.Registration.Services);
    }

    [Theory]
    [InlineData("http://ocr-1:8104/", "http://ocr-1:8104")]
    [InlineData("HTTPS://Ocr.Example.org", "HTTPS://Ocr.Example.org")]
    [InlineData("http://10.42.0.10:1/base//", "http://10.42.0.10:1/base")]
    [InlineData("http://[fd00::1]:65535/a/b", "http://[fd00::1]:65535/a/b")]
    [InlineData("http://[::1]", "http://[::1]")]
    [InlineData("http://compose_worker_1:80/@x", "http://compose_worker_1:80/@x")]
    [InlineData("http://xn--bcher-kva.example/%C3%A9", "http://xn--bcher-kva.example/%C3%A9")]
    public async Task Urls_are_kept_as_given_but_for_the_slash_at_the_end(string given, string kept)
    {
        var (request, errors) = await Read(Bodies.RegistrationWith(("url", $"\"{given}\"")));

        Assert.Empty(errors);
        Assert.Equal([kept], request!.Registration.Urls);
    }

    [Fact]
    public async Task Candidates_keep_their_order()
    {
        string[] urls = [.. Enumerable.Range(1, 8).Select(i => $"http://w{9 - i}:80{i}")];
        var (request, _) = await Read(Bodies.RegistrationWith(("url", null), ("urls", Array(urls))));

        Assert.Equal(urls, request!.Registration.Urls);
    }

    [Theory]
    [InlineData("ftp://ocr-1", "http:// or https://")]
    [InlineData("/relative", "http:// or https://")]
    [InlineData("ocr-1:8104", "http:// or https://")]
    [InlineData("//ocr-1", "http:// or https://")]
    [InlineData("http:/ocr-1", "http:// or https://")]
    [InlineData("http:ocr-1", "http:// or https://")]
    [InlineData("", "http:// or https://")]
    [InlineData("http://", "a host")]
    [InlineData("http:///path", "a host")]
    [InlineData("http://:80", "a host")]
    [InlineData("http://a..b", "a host")]
    [InlineData("http://[::1", "a host")]
    [InlineData("http://[zz]:80", "a host")]
    [InlineData("http://a,b", "a host")]
    [InlineData("http://%41", "a host")]
    [InlineData("http://user:secret@ocr-1", "no user name")]
    [InlineData("http://@ocr-1", "no user name")]
    [InlineData("http://ocr-1/?a=1", "no query")]
    [InlineData("http://ocr-1?", "no query")]
    [InlineData("http://ocr-1/#", "no fragment")]
    [InlineData("http://ocr-1:0", "1 to 65535")]
    [InlineData("http://ocr-1:65536", "1 to 65535")]
    [InlineData("http://ocr-1:99999999999999", "1 to 65535")]
    [InlineData("http://ocr-1:", "1 to 65535")]
    [InlineData("http://ocr-1:80a", "1 to 65535")]
    [InlineData("http://fd00::1", "1 to 65535")]
    [InlineData(" http://ocr-1", "characters of a URL")]
    [InlineData("http://ocr 1", "characters of a URL")]
    [InlineData("http://bücher", "characters of a URL")]
    [InlineData("http:\\\\\\\\ocr-1", "characters of a URL")]
    [InlineData("http://ocr-1/\\r\\nX: y", "characters of a URL")]
    public async Task Bad_urls_are_refused_alone_and_among_candidates(string url, string says)
    {
        var (_, alone) = await Read(Bodies.RegistrationWith(("url", $"\"{url}\"")));
        var (_, among) = await Read(Bodies.RegistrationWith(("url", null), ("urls", $"[\"http://ok\", \"{url}\"]")));

        Bodies.AssertOnly(alone, "url", says);
        Bodies.AssertOnly(among, "urls[1]", says);
        Assert.DoesNotContain("secret", alone["url"][0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_url_has_at_most_2048_characters()
    {
        var longest = "http://ocr-1/".PadRight(2048, 'x');
        var (fits, _) = await Read(Bodies.RegistrationWith(("url", $"\"{longest}\"")));
        var (_, errors) = await Read(Bodies.RegistrationWith(("url", $"\"{longest}x\"")));

        Assert.NotNull(fits);
        Bodies.AssertOnly(errors, "url", "at most 2048 characters long, not 2049");
    }

    [Theory]
    [InlineData("""["http://a", "http://b", "http://a"]""", "urls[2]", "Repeats urls[0]")]
    [InlineData("""["http://a:80/", "HTTP://A"]""", "urls[1]", "Repeats urls[0]")]
    [InlineData("""[]""", "urls", "1 to 8 URLs, not 0")]
    [InlineData("""["1","2","3","4","5","6","7","8","9"]""", "urls", "1 to 8 URLs, not 9")]
    [InlineData("""["http://a", null]""", "urls[1]", "not null")]
    [InlineData("""["http://a", 5]""", "urls[1]", "not 5")]
    [InlineData("\"http://a\"", "urls", "an array of 1 to 8 URLs, not 'http://a'")]
    public async Task Bad_lists_of_urls_are_refused(string urls, string field, string says)
    {
        var (_, errors) = await Read(Bodies.RegistrationWith(("url", null), ("urls", urls)));

        Bodies.AssertOnly(errors, field, says);
    }

    [Fact]
    public async Task Exactly_one_of_url_and_urls_is_given()
    {
        var (_, neither) = await Read(Bodies.RegistrationWith(("url", null)));
        var (_, both) = await Read(Bodies.RegistrationWith(("urls", """["http://ocr-1:8104"]""")));

        Bodies.AssertOnly(neither, "url", "Is missing");
        Bodies.AssertOnly(both, "urls", "give one of the two");
    }

    [Fact]
    public async Task Up_to_64_service_types_are_read_and_65_refused()
    {
        var types = Enumerable.Range(0, 65).Select(i => $"type-{i}").ToArray();
        var (request, _) = await Read(Bodies.RegistrationWith(("services", Array(types[..64]))));
        var (_, errors) = await Read(Bodies.RegistrationWith(("services", Array(types))));

        Assert.Equal(64, request!.Registration.Services.Length);
        Bodies.AssertOnly(errors, "services", "0 to 64 service types, not 65");
    }

    [Fact]
    public async Task Capabilities_have_at_most_16_KiB_in_bytes_as_given()
    {
        var (fits, _) = await Read(Bodies.RegistrationWith(("capabilities", Capabilities(16 * 1024))));
        var (_, tooLong) = await Read(Bodies.RegistrationWith(("capabilities", Capabilities((16 * 1024) + 1))));
        var (_, farTooLong) = await Read(Bodies.RegistrationWith(("capabilities", Capabilities(17 * 1024))));

        Assert.Equal(Capabilities(16 * 1024), fits!.Registration.Capabilities);
        Bodies.AssertOnly(tooLong, "capabilities", "at most 16384 bytes of JSON, not 16385");
        Bodies.AssertOnly(farTooLong, "capabilities", "not 17408");

        // Two bytes a character, and one space that counts.
        static string Capabilities(int bytes) =>
            $$"""{"x": "{{new string('é', (bytes - 9) / 2)}}{{new string('x', (bytes - 9) % 2)}}"}""";
    }

    [Fact]
    public async Task All_that_is_wrong_is_said_at_once()
    {
        var (_, errors) = await Read(
            """
            {"url": "ftp://x", "services": ["ok", "a/b", 5, "ok"], "capabilities": [], "zone": "a b", "weight": 0,
             "max_concurrency": "4", "lease_seconds": 1e9, "health": {"path": "x", "interval_seconds": 0},
             "incarnation": 0}
            """);

        Assert.Equal(
            ["url", "services[1]", "services[2]", "services[3]", "capabilities", "zone", "weight", "max_concurrency",
                "lease_seconds", "health.path", "health.interval_seconds", "incarnation"],
            errors.Keys);
    }

    private static string Array(IEnumerable<string> items) => $"[{string.Join(",", items.Select(i => $"\"{i}\""))}]";

    private static Task<(RegistrationRequest? Value, IReadOnlyDictionary<string, string[]> Errors)> Read(string text) =>
        Bodies.Read(Bodies.Request(text), RegistrationReader.Read);
}
