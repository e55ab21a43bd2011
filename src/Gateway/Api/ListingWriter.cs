using System.Buffers;
using System.Text.Json;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// Writes the text of an <see cref="InstancesBody"/> without making one: many clients ask for long lists of many service
/// types, and what is made for each instance only to be written once is what they would wait for.
/// </summary>
internal static class ListingWriter
{
    private const int KeptBytes = 256 * 1024;
    private static readonly JsonWriterOptions Options = new() { Encoder = JsonOptions.Encoder, SkipValidation = true };
    private static readonly JsonEncodedText Service = JsonEncodedText.Encode("service");
    private static readonly JsonEncodedText Index = JsonEncodedText.Encode("index");
    private static readonly JsonEncodedText Workers = JsonEncodedText.Encode("workers");
    private static readonly JsonEncodedText Count = JsonEncodedText.Encode("count");
    private static readonly JsonEncodedText WorkerId = JsonEncodedText.Encode("worker_id");
    private static readonly JsonEncodedText Url = JsonEncodedText.Encode("url");
    private static readonly JsonEncodedText Urls = JsonEncodedText.Encode("urls");
    private static readonly JsonEncodedText State = JsonEncodedText.Encode("state");
    private static readonly JsonEncodedText Load = JsonEncodedText.Encode("load");
    private static readonly JsonEncodedText ActiveRequests = JsonEncodedText.Encode("active_requests");
    private static readonly JsonEncodedText Capabilities = JsonEncodedText.Encode("capabilities");
    private static readonly JsonEncodedText Zone = JsonEncodedText.Encode("zone");
    private static readonly JsonEncodedText Weight = JsonEncodedText.Encode("weight");
    private static readonly JsonEncodedText MaxConcurrency = JsonEncodedText.Encode("max_concurrency");
    private static readonly JsonEncodedText Incarnation = JsonEncodedText.Encode("incarnation");
    private static readonly JsonEncodedText GatewayInFlight = JsonEncodedText.Encode("gateway_in_flight");
    private static readonly JsonEncodedText GatewayLatencySeconds = JsonEncodedText.Encode("gateway_latency_seconds");
    private static readonly JsonEncodedText GatewaySetAside = JsonEncodedText.Encode("gateway_set_aside");
    private static readonly JsonEncodedText GatewayBusy = JsonEncodedText.Encode("gateway_busy");
    private static readonly JsonEncodedText Unreachable = JsonEncodedText.Encode("unreachable");

    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer)? kept;

    /// <summary>The answer that lists these instances in this order, as UTF-8.</summary>
    /// <param name="route">Whose instances they are.</param>
    /// <param name="index">The version of the registry that they show.</param>
    /// <param name="instances">The instances.</param>
    /// <param name="now">The time.</param>
    /// <param name="room">
    /// Where it may be written, if it is long enough, and not so long that a list that was long once would keep it.
    /// </param>
    public static ArraySegment<byte> Write(
        Route route, long index, ReadOnlySpan<RankedInstance> instances, TimeSpan now, byte[]? room = null)
    {
        var (buffer, writer) = kept ?? Make();
        // A writer that failed half-way is not used again.
        kept = null;
        writer.WriteStartObject();
        writer.WriteString(Service, route.ServiceType.Value);
        writer.WriteNumber(Index, index);
        writer.WriteStartArray(Workers);
        foreach (ref readonly var ranked in instances)
        {
            Write(writer, ranked.Instance, now);
        }

        writer.WriteEndArray();
        writer.WriteNumber(Count, instances.Length);
        writer.WriteEndObject();
        writer.Flush();
        var written = buffer.WrittenSpan;
        // With some room for numbers that get longer.
        var text = room is not null && room.Length >= written.Length && room.Length / 4 <= written.Length
            ? room
            : new byte[written.Length + (written.Length / 32)];
        written.CopyTo(text);
        var answer = new ArraySegment<byte>(text, 0, written.Length);
        if (buffer.Capacity <= KeptBytes)
        {
            buffer.ResetWrittenCount();
            writer.Reset();
            kept = (buffer, writer);
        }

        return answer;
    }

    private static void Write(Utf8JsonWriter writer, Instance instance, TimeSpan now)
    {
        var (link, info) = (instance.Link, instance.Info);
        var registration = info.Registration;
        writer.WriteStartObject();
        writer.WriteString(WorkerId, link.Id.Value);
        writer.WriteString(Url, registration.Urls[link.Candidate % registration.Urls.Length]);
        writer.WriteStartArray(Urls);
        foreach (var url in registration.Urls)
        {
            writer.WriteStringValue(url);
        }

        writer.WriteEndArray();
        writer.WriteString(State, Wire.NameOf(info.State));
        writer.WriteNumber(Load, info.Load);
        writer.WriteNumber(ActiveRequests, info.ActiveRequests);
        writer.WritePropertyName(Capabilities);
        writer.WriteRawValue(registration.Capabilities, skipInputValidation: true);
        writer.WriteString(Zone, registration.Zone);
        writer.WriteNumber(Weight, registration.Weight);
        if (registration.MaxConcurrency is { } limit)
        {
            writer.WriteNumber(MaxConcurrency, limit);
        }
        else
        {
            writer.WriteNull(MaxConcurrency);
        }

        writer.WriteNumber(Incarnation, info.Incarnation);
        writer.WriteNumber(GatewayInFlight, link.InFlight);
        writer.WriteNumber(GatewayLatencySeconds, Math.Round(link.LatencySeconds(now), 6));
        writer.WriteBoolean(GatewaySetAside, link.IsSetAside(now));
        writer.WriteBoolean(GatewayBusy, link.IsBusy(now));
        writer.WriteBoolean(Unreachable, info.Unreachable);
        writer.WriteEndObject();
    }

    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer) Make()
    {
        var buffer = new ArrayBufferWriter<byte>(32 * 1024);
        return (buffer, new(buffer, Options));
    }
}
