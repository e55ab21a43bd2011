using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class RegistrationMutationTests
{
    private const int Seed = 20_250_611;
    private const int Rounds = 20_000;

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "1", "1.5", "1e400", "-0", "1e-400", "3600", "99999999999999999999999",
        "\"\"", "\"x\"", "\"NaN\"", "\"\\ud800\"", "\"\\u0000\"", "\"http://a\"", "\"http://a:70000\"", "\"/x\"", "NaN",
        "[]", "[null]", "[[]]", "[\"a\", \"a\"]", "[\"http://a\", 5]", "{}", "{\"path\": 5}", "{\"a\": 1, \"a\": 2}",
        "{\"path\": \"/\", \"interval_seconds\": 1, \"timeout_seconds\": 60}", "'x'", "", "]", "{", "\"",
    ];

    [Fact]
    public async Task Any_mutation_of_a_registration_is_read_whole_or_refused_by_field()
    {
        var random = new Random(Seed);
        var (valid, refused) = (0, 0);
        for (var round = 0; round < Rounds; round++)
        {
            var text = Mutate(random);
            var (request, errors) = await Bodies.Read(
                Bodies.Request(text, declared: random.Next(2) == 0), RegistrationReader.Read);
            if (request is not null)
            {
                AssertValid(request);
                valid++;
                continue;
            }

            Assert.NotEmpty(errors);
            Assert.All(errors, e => Assert.True(e.Key.Length > 0 && e.Value.Length > 0, Encoding.UTF8.GetString(text)));
            refused++;
        }

        // Both ways were gone often.
        Assert.InRange(valid, Rounds / 20, Rounds);
        Assert.InRange(refused, Rounds / 4, Rounds);
    }

    private static byte[] Mutate(Random random)
    {
        var bytes = Encoding.UTF8.GetBytes(ReplaceMembers(random));
        for (var i = random.Next(4); i > 0; i--)
        {
            var at = random.Next(bytes.Length);
            bytes = random.Next(4) switch
            {
                0 => [.. bytes[..at], .. bytes[(at + 1)..]],
                1 => [.. bytes[..at], (byte)random.Next(256), .. bytes[at..]],
                2 => [.. bytes[..at], (byte)(bytes[at] ^ (1 << random.Next(8))), .. bytes[(at + 1)..]],
                _ => [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]],
            };
        }

        return bytes;
    }

    private static string ReplaceMembers(Random random)
    {
        var body = JsonNode.Parse(Bodies.Registration)!.AsObject();
        for (var i = random.Next(3); i > 0; i--)
        {
            var owner = body["health"] is JsonObject health && random.Next(3) == 0 ? health : body;
            var names = owner.Select(m => m.Key).Append("urls").ToArray();
            owner[names[random.Next(names.Length)]] = $"@{i}";
        }

        // As text: some of the values are no JSON that a node could hold.
        return body.ToJsonString()
            .Replace("\"@1\"", Values[random.Next(Values.Length)], StringComparison.Ordinal)
            .Replace("\"@2\"", Values[random.Next(Values.Length)], StringComparison.Ordinal);
    }

    /// <summary>The rules once more, in the plainest form.</summary>
    private static void AssertValid(RegistrationRequest request)
    {
        var read = request.Registration;
        Assert.InRange(read.Urls.Length, 1, Registration.MaxUrls);
        Assert.All(read.Urls, url =>
        {
            var uri = new Uri(url, UriKind.Absolute);
            Assert.True(uri.Scheme is "http" or "https");
            Assert.NotEmpty(uri.Host);
            Assert.Equal("", uri.UserInfo + uri.Query + uri.Fragment);
            Assert.InRange(uri.Port, 1, 65535);
            Assert.False(url.EndsWith('/'));
        });
        Assert.Equal(read.Urls.Length, read.Urls.Distinct().Count());
        Assert.False(read.Services.IsDefault);
        Assert.InRange(read.Services.Length, 0, Registration.MaxServices);
        Assert.Equal(read.Services.Length, read.Services.Distinct().Count());
        Assert.All(read.Services, s => Assert.True(Identifier.IsValid(s.Value)));
        using var capabilities = JsonDocument.Parse(read.Capabilities);
        Assert.Equal(JsonValueKind.Object, capabilities.RootElement.ValueKind);
        Assert.InRange(Encoding.UTF8.GetByteCount(read.Capabilities), 2, Registration.MaxCapabilitiesBytes);
        Assert.True(read.Zone is null || Identifier.IsValid(read.Zone));
        Assert.InRange(read.Weight, Registration.MinWeight, Registration.MaxWeight);
        Assert.InRange(read.MaxConcurrency ?? 1, 1, Registration.MaxMaxConcurrency);
        Assert.InRange(read.Lease, Registration.MinLease, Registration.MaxLease);
        Assert.InRange(request.Incarnation ?? 1, 1, long.MaxValue);
        if (read.Health is { } health)
        {
            Assert.StartsWith("/", health.Path, StringComparison.Ordinal);
            Assert.InRange(health.Interval, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3600));
            Assert.InRange(health.Timeout, TimeSpan.FromSeconds(0.1), health.Interval);
        }
    }
}
