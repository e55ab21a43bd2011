using System.Text;
using System.Text.Json;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>
/// Reads heartbeats as workers send them, in one pass over the bytes. Whatever is wrong or unusual about a body it
/// leaves to <see cref="HeartbeatReader"/> and <see cref="HeartbeatBatchReader"/>, which say what it is: it accepts
/// nothing that they would refuse.
/// </summary>
internal static class HeartbeatScan
{
    private static readonly Heartbeat Empty = new();

    /// <summary>One heartbeat; null where the other reader has to look.</summary>
    public static Heartbeat? One(ReadOnlySpan<byte> json)
    {
        if (json.IsEmpty)
        {
            return Empty;
        }

        var reader = new Utf8JsonReader(json);
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject
                && Read(ref reader, withId: false) is { } read && !reader.Read()
                ? read.Beat
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The heartbeats of a batch; null where the other reader has to look.</summary>
    public static List<WorkerHeartbeat>? Many(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject
                && reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("workers"u8)
                && reader.Read() && reader.TokenType == JsonTokenType.StartArray
                && ReadAll(ref reader) is { Count: > 0 } beats
                && reader.Read() && reader.TokenType == JsonTokenType.EndObject && !reader.Read()
                ? beats
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static List<WorkerHeartbeat>? ReadAll(ref Utf8JsonReader reader)
    {
        var beats = new List<WorkerHeartbeat>();
        var seen = new HashSet<WorkerId>();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            if (beats.Count == HeartbeatBatchReader.MaxWorkers
                || Read(ref reader, withId: true) is not { } beat || !seen.Add(beat.Id))
            {
                return null;
            }

            beats.Add(beat);
        }

        return reader.TokenType == JsonTokenType.EndArray ? beats : null;
    }

    /// <summary>Reads an object to its end, after its beginning was read.</summary>
    private static WorkerHeartbeat? Read(ref Utf8JsonReader reader, bool withId)
    {
        WorkerId? id = null;
        long? incarnation = null;
        bool? degraded = null;
        double? load = null;
        int? active = null;
        var seen = Member.None;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = MemberOf(reader, withId);
            if (member == Member.None || (seen & member) != 0 || !reader.Read())
            {
                return null;
            }

            seen |= member;
            if (reader.TokenType == JsonTokenType.Null)
            {
                continue;
            }

            var isGood = member switch
            {
                Member.Id => (id = IdOf(reader)) is not null,
                Member.Status => (degraded = DegradedOf(reader)) is not null,
                Member.Incarnation => (incarnation = IntegerOf(reader, 1, long.MaxValue)) is not null,
                Member.Load => (load = LoadOf(reader)) is not null,
                _ => (active = (int?)IntegerOf(reader, 0, HeartbeatReader.MaxActiveRequests)) is not null,
            };
            if (!isGood)
            {
                return null;
            }
        }

        return reader.TokenType != JsonTokenType.EndObject || withId != (id is not null) ? null : new(
            id.GetValueOrDefault(),
            new() { Incarnation = incarnation, Degraded = degraded, CurrentLoad = load, ActiveRequests = active });
    }

    private static Member MemberOf(in Utf8JsonReader reader, bool withId) =>
        reader.ValueTextEquals("current_load"u8) ? Member.Load
        : reader.ValueTextEquals("active_requests"u8) ? Member.Active
        : reader.ValueTextEquals("incarnation"u8) ? Member.Incarnation
        : reader.ValueTextEquals("status"u8) ? Member.Status
        : withId && reader.ValueTextEquals("worker_id"u8) ? Member.Id
        : Member.None;

    private static WorkerId? IdOf(in Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped && Ascii.IsValid(reader.ValueSpan)
        && WorkerId.TryParse(Encoding.ASCII.GetString(reader.ValueSpan), out var id)
            ? id
            : null;

    private static bool? DegradedOf(in Utf8JsonReader reader) =>
        reader.TokenType != JsonTokenType.String ? null
        : reader.ValueTextEquals("healthy"u8) ? false
        : reader.ValueTextEquals("degraded"u8) ? true
        : null;

    private static double? LoadOf(in Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var load)
        && load is >= 0 and <= HeartbeatReader.MaxLoad
            ? load
            : null;

    private static long? IntegerOf(in Utf8JsonReader reader, long min, long max) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) && number >= min && number <= max
            ? number
            : null;

    [Flags]
    private enum Member
    {
        None = 0,
        Id = 1,
        Status = 2,
        Incarnation = 4,
        Load = 8,
        Active = 16,
    }
}
