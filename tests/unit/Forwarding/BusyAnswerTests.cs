using System.Net;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Forwarding;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class BusyAnswerTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(503, "7", 7.0)]
    [InlineData(503, "0", 0.0)]
    [InlineData(503, "Tue, 01 Jan 2030 12:00:20 GMT", 20.0)]
    [InlineData(503, "Tue, 01 Jan 2030 11:00:00 GMT", 0.0)]
    [InlineData(503, null, null)]
    [InlineData(503, "soon", null)]
    [InlineData(429, "7", null)]
    [InlineData(200, "7", null)]
    public void A_503_that_says_when_to_come_back_is_busy(int status, string? retryAfter, double? expected)
    {
        using var answer = new HttpResponseMessage((HttpStatusCode)status);
        if (retryAfter is not null)
        {
            answer.Headers.TryAddWithoutValidation("Retry-After", retryAfter);
        }

        Assert.Equal(expected, BusyAnswer.RetryAfter(answer, new FakeTimeProvider(Now))?.TotalSeconds);
    }
}
