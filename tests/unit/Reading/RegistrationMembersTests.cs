using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class RegistrationMembersTests
{
    private static readonly string TooLongId = new('x', 129);

    public static TheoryData<string, string, string, string> BadMembers => new()
    {
        { "services", "\"ocr\"", "services", "an array of 0 to 64 service types" },
        { "services", """["a/b"]""", "services[0]", "not 'a/b'" },
        { "services", """["a", "b c"]""", "services[1]", "not 'b c'" },
        { "services", """["a", ""]""", "services[1]", "1 to 128 characters" },
        { "services", """["-"]""", "services[0]", "not '-'" },
        { "services", $"[\"{TooLongId}\"]", "services[0]", "1 to 128 characters" },
        { "services", """["a", "b", "a"]""", "services[2]", "Repeats services[0]" },
        { "services", """[{}]""", "services[0]", "not an object" },
        { "capabilities", "[]", "capabilities", "Must be an object, not an array" },
        { "capabilities", "\"{}\"", "capabilities", "Must be an object" },
        { "zone", "\"\"", "zone", "1 to 128 characters" },
        { "zone", "\"rack a\"", "zone", "not 'rack a'" },
        { "zone", $"\"{TooLongId}\"", "zone", "1 to 128 characters" },
        { "zone", "5", "zone", "not 5" },
        { "weight", "0", "weight", "an integer from 1 to 1000, not 0" },
        { "weight", "1001", "weight", "not 1001" },
        { "weight", "-1", "weight", "not -1" },
        { "weight", "1.5", "weight", "not 1.5" },
        { "weight", "1e400", "weight", "not 1e400" },
        { "weight", "99999999999999999999", "weight", "an integer from 1 to 1000" },
        { "weight", "\"1\"", "weight", "not '1'" },
        { "weight", "\"NaN\"", "weight", "not 'NaN'" },
        { "weight", "true", "weight", "not true" },
        { "max_concurrency", "0", "max_concurrency", "from 1 to 1000000" },
        { "max_concurrency", "1000001", "max_concurrency", "from 1 to 1000000" },
        { "max_concurrency", "[]", "max_concurrency", "not an array" },
        { "lease_seconds", "0", "lease_seconds", "a number from 2 to 3600, not 0" },
        { "lease_seconds", "1.999", "lease_seconds", "not 1.999" },
        { "lease_seconds", "3600.5", "lease_seconds", "not 3600.5" },
        { "lease_seconds", "1e9", "lease_seconds", "not 1e9" },
        { "lease_seconds", "1e400", "lease_seconds", "not 1e400" },
        { "lease_seconds", "-15", "lease_seconds", "not -15" },
        { "lease_seconds", "\"15\"", "lease_seconds", "not '15'" },
        { "lease_seconds", "NaN", "lease_seconds", "no NaN" },
        { "incarnation", "0", "incarnation", "an integer of 1 or more" },
        { "incarnation", "1.5", "incarnation", "not 1.5" },
        { "incarnation", "9223372036854775808", "incarnation", "an integer of 1 or more" },
        { "health", "\"/health\"", "health", "an object with a path" },
        { "health", "{}", "health.path", "Is missing" },
        { "health", """{"path": null}""", "health.path", "Is missing" },
        { "health", """{"path": 5}""", "health.path", "beginning with '/'" },
        { "health", """{"path": ""}""", "health.path", "beginning with '/'" },
        { "health", """{"path": "health"}""", "health.path", "not 'health'" },
        { "health", """{"path": "/a b"}""", "health.path", "visible ASCII" },
        { "health", """{"path": "/a\n"}""", "health.path", "visible ASCII" },
        { "health", """{"path": "/é"}""", "health.path", "visible ASCII" },
        { "health", """{"path": "/a#b"}""", "health.path", "without '#'" },
        { "health", $"{{\"path\": \"/{new string('x', 512)}\"}}", "health.path", "at most 512" },
        { "health", """{"path": "/", "interval_seconds": 0.5}""", "health.interval_seconds", "from 1 to 3600" },
        { "health", """{"path": "/", "interval_seconds": 3601}""", "health.interval_seconds", "from 1 to 3600" },
        { "health", """{"path": "/", "timeout_seconds": 0}""", "health.timeout_seconds", "from 0.1 to 60" },
        { "health", """{"path": "/", "interval_seconds": 9, "timeout_seconds": 61}""", "health.timeout_seconds", "60" },
        { "health", """{"path": "/", "timeout_seconds": 6}""", "health.timeout_seconds", "which is 5, not 6" },
    };

    public static TheoryData<string, string> GoodMembers => new()
    {
        { "weight", "1" },
        { "weight", "1000" },
        { "weight", "4.0" },
        { "weight", "1e2" },
        { "max_concurrency", "1000000" },
        { "lease_seconds", "2" },
        { "lease_seconds", "3.6e3" },
        { "zone", $"\"{new string('x', 128)}\"" },
        { "services", """["Z.9_-", "0"]""" },
        { "capabilities", "{}" },
        { "health", """{"path": "/health?deep=1"}""" },
        { "health", """{"path": "/", "interval_seconds": 60, "timeout_seconds": 60, "unknown": 1}""" },
        { "incarnation", "9223372036854775807" },
    };

    [Theory]
    [MemberData(nameof(BadMembers))]
    public async Task A_member_that_is_wrong_is_named_with_what_would_be_right(
        string member, string json, string field, string says)
    {
        var (request, errors) = await Bodies.Read(
            Bodies.Request(Bodies.RegistrationWith((member, json))), RegistrationReader.Read);

        Assert.Null(request);
        Bodies.AssertOnly(errors, field, says);
        Assert.All(errors[field], sentence => Assert.InRange(sentence.Length, 1, 260));
    }

    [Theory]
    [MemberData(nameof(GoodMembers))]
    public async Task A_member_at_its_limits_is_read(string member, string json)
    {
        var (request, errors) = await Bodies.Read(
            Bodies.Request(Bodies.RegistrationWith((member, json))), RegistrationReader.Read);

        Assert.Empty(errors);
        Assert.NotNull(request);
    }

    [Theory]
    [InlineData("""{"path": "/"}""", 5, 2)]
    [InlineData("""{"path": "/", "interval_seconds": 1}""", 1, 1)]
    [InlineData("""{"path": "/", "interval_seconds": 60, "timeout_seconds": 0.5}""", 60, 0.5)]
    public async Task A_check_has_defaults_that_fit_each_other(string health, double interval, double timeout)
    {
        var (request, _) = await Bodies.Read(
            Bodies.Request(Bodies.RegistrationWith(("health", health))), RegistrationReader.Read);

        Assert.Equal(TimeSpan.FromSeconds(interval), request!.Registration.Health!.Interval);
        Assert.Equal(TimeSpan.FromSeconds(timeout), request.Registration.Health.Timeout);
    }
}
