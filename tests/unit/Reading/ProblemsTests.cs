using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class ProblemsTests
{
    private static readonly WorkerId Worker = WorkerId.Parse("ocr-1");

    public static TheoryData<string, int, string> ClientErrors => new()
    {
        { "invalid", 400, "services[3]" },
        { "too large", 413, "body" },
        { "media type", 415, "Content-Type" },
        { "unreadable", 408, "body" },
        { "unknown", 404, "worker_id" },
        { "superseded", 409, "incarnation" },
        { "path", 404, "path" },
    };

    [Theory]
    [MemberData(nameof(ClientErrors))]
    public async Task Every_client_error_is_a_problem_that_names_a_field(string name, int status, string field)
    {
        var (context, problem) = await Execute(Create(name));

        Assert.Equal(status, context.Response.StatusCode);
        Assert.Equal("application/problem+json", context.Response.ContentType);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.EndsWith(".", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        var error = Assert.Single(problem.GetProperty("errors").EnumerateObject());
        Assert.Equal(field, error.Name);
        Assert.EndsWith(".", Assert.Single(error.Value.EnumerateArray()).GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_invalid_request_has_the_title_of_the_contract()
    {
        var (_, problem) = await Execute(Create("invalid"));

        Assert.Equal("The request is not valid.", problem.GetProperty("title").GetString());
    }

    [Fact]
    public async Task Superseded_says_who_and_the_current_incarnation_and_what_to_do()
    {
        var (_, problem) = await Execute(Problems.Superseded(Worker, 4, 9));

        Assert.Equal("ocr-1", problem.GetProperty("worker_id").GetString());
        Assert.Equal(9, problem.GetProperty("incarnation").GetInt64());
        var sentence = problem.GetProperty("errors").GetProperty("incarnation")[0].GetString()!;
        Assert.Contains("register again to take it back, or stop", sentence, StringComparison.Ordinal);
        Assert.Contains("9 and not 4", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "1")]
    [InlineData(400, "1")]
    [InlineData(1000, "1")]
    [InlineData(1001, "2")]
    [InlineData(59_999, "60")]
    public async Task Unavailable_says_in_whole_seconds_when_to_try_again(int milliseconds, string header)
    {
        var (context, problem) = await Execute(
            Problems.Unavailable("The store does not answer.", TimeSpan.FromMilliseconds(milliseconds)));

        Assert.Equal(503, context.Response.StatusCode);
        Assert.Equal(header, context.Response.Headers.RetryAfter);
        Assert.Equal("application/problem+json", context.Response.ContentType);
        Assert.Equal("The store does not answer.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public void A_hostile_path_is_shortened()
    {
        var problem = Problems.NotFoundPath("/" + new string('x', 5000) + "\r\n");

        Assert.InRange(problem.ProblemDetails.Detail!.Length, 1, 200);
    }

    [Fact]
    public async Task Problems_are_written_for_people_without_needless_escapes()
    {
        var context = Context();
        await Problems.NotFoundPath("/x").ExecuteAsync(context);

        Assert.Contains("'/x'", Text(context), StringComparison.Ordinal);
    }

    private static ProblemHttpResult Create(string name)
    {
        var errors = new FieldErrors();
        errors.Add("services[3]", "Is wrong.");
        return name switch
        {
            "invalid" => Problems.Invalid(errors),
            "too large" => Problems.TooLarge(1024),
            "media type" => Problems.UnsupportedMediaType("Content-Type", "Send JSON."),
            "unreadable" => Problems.UnreadableBody(408),
            "unknown" => Problems.UnknownWorker(Worker),
            "superseded" => Problems.Superseded(Worker, 4, 9),
            "path" => Problems.NotFoundPath("/nowhere"),
            _ => throw new ArgumentOutOfRangeException(nameof(name)),
        };
    }

    private static async Task<(HttpContext Context, JsonElement Problem)> Execute(IResult result)
    {
        var context = Context();
        await result.ExecuteAsync(context);
        return (context, JsonDocument.Parse(Text(context)).RootElement);
    }

    private static string Text(HttpContext context) =>
        System.Text.Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray());

    private static DefaultHttpContext Context()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.ConfigureHttpJsonOptions(o => JsonOptions.Apply(o.SerializerOptions));
        return new()
        {
            RequestServices = services.BuildServiceProvider(),
            Response = { Body = new MemoryStream() },
        };
    }
}
