using System.Buffers;
using System.Globalization;
using System.Text.Unicode;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// The answers to heartbeats, written as <see cref="HeartbeatBody"/> and <see cref="HeartbeatResultsBody"/> would be, but
/// straight into the response: nothing in them ever needs to be escaped.
/// </summary>
internal static class HeartbeatResults
{
    /// <summary>More than the longest id, the longest number and the names around them.</summary>
    private const int MostBytes = 512;

    public static IResult Renewed(WorkerId id, HeartbeatAnswer answer) => new One(id, answer);

    /// <param name="beats">The heartbeats.</param>
    /// <param name="answers">Theirs; null where a worker's grain did not answer.</param>
    public static IResult Of(IReadOnlyList<WorkerHeartbeat> beats, HeartbeatAnswer?[] answers) => new Many(beats, answers);

    private static void Begin(HttpResponse response) => response.ContentType = "application/json; charset=utf-8";

    private sealed class One(WorkerId id, HeartbeatAnswer answer) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            Span<byte> text = stackalloc byte[MostBytes];
            Utf8.TryWrite(
                text,
                CultureInfo.InvariantCulture,
                $$"""{"worker_id":"{{id.Value}}","status":"renewed","incarnation":{{answer.Incarnation}},"state":"{{Wire.NameOf(answer.State)}}","lease_seconds":{{answer.Lease.TotalSeconds}},"heartbeat_seconds":{{Math.Round(answer.Lease.TotalSeconds / 3, 3)}}}""",
                out var length);
            Begin(response);
            response.ContentLength = length;
            response.BodyWriter.Write(text[..length]);
            return Task.CompletedTask;
        }
    }

    private sealed class Many(IReadOnlyList<WorkerHeartbeat> beats, HeartbeatAnswer?[] answers) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            Begin(httpContext.Response);
            var writer = httpContext.Response.BodyWriter;
            writer.Write("""{"results":["""u8);
            var renewed = 0;
            for (var i = 0; i < answers.Length; i++)
            {
                var (id, answer, comma) = (beats[i].Id.Value, answers[i], i == 0 ? "" : ",");
                var room = writer.GetSpan(MostBytes);
                int written;
                switch (answer?.Outcome)
                {
                    case HeartbeatOutcome.Renewed:
                        renewed++;
                        Utf8.TryWrite(
                            room,
                            CultureInfo.InvariantCulture,
                            $$"""{{comma}}{"worker_id":"{{id}}","status":"renewed","incarnation":{{answer.Incarnation}},"state":"{{Wire.NameOf(answer.State)}}"}""",
                            out written);
                        break;
                    case HeartbeatOutcome.Superseded:
                        Utf8.TryWrite(
                            room,
                            CultureInfo.InvariantCulture,
                            $$"""{{comma}}{"worker_id":"{{id}}","status":"superseded","incarnation":{{answer.Incarnation}},"state":null}""",
                            out written);
                        break;
                    default:
                        var status = answer is null ? "unavailable" : "unknown";
                        Utf8.TryWrite(
                            room, $$"""{{comma}}{"worker_id":"{{id}}","status":"{{status}}","incarnation":null,"state":null}""", out written);
                        break;
                }

                writer.Advance(written);
            }

            Utf8.TryWrite(writer.GetSpan(MostBytes), CultureInfo.InvariantCulture, $$"""],"renewed":{{renewed}}}""", out var last);
            writer.Advance(last);
            return writer.FlushAsync(httpContext.RequestAborted).AsTask();
        }
    }
}
