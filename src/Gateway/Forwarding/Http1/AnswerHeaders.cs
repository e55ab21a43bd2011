using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>Passes status and header fields of an answer, and its trailers, on to the client.</summary>
internal static class AnswerHeaders
{
    /// <summary>The status and the fields. Nothing is sent yet.</summary>
    /// <param name="context">The client's request.</param>
    /// <param name="head">The answer's head.</param>
    /// <param name="section">The bytes that it was read from.</param>
    /// <param name="values">Strings of values that were seen before.</param>
    public static void Copy(HttpContext context, AnswerHead head, ReadOnlySpan<byte> section, ValueCache values)
    {
        var response = context.Response;
        response.StatusCode = head.Status;
        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            CopyReason(context, head.Status, section[head.Reason]);
        }

        var connection = head.NamesFields ? ConnectionOf(head, section) : default;
        foreach (var field in head.Fields)
        {
            var known = FieldNames.Find(field.Name(section));
            if (known != FieldNames.ContentLength && !FieldNames.IsForThisHop(known))
            {
                var name = FieldNames.NameOf(known, field.Name(section));
                if (!HopByHop.Names(connection, name))
                {
                    Add(response.Headers, known, name, values.Get(known, field.Value(section)));
                }
            }
        }

        // Not where the status says already that there is no content (RFC 9110, section 8.6).
        if (head.Length is { } length
            && head.Status != StatusCodes.Status204NoContent
            && !(head.Status == StatusCodes.Status205ResetContent && length == 0))
        {
            response.ContentLength = length;
        }
    }

    /// <summary>The trailers, to clients that can be sent some.</summary>
    public static void CopyTrailers(HttpContext context, AnswerHead trailers, ReadOnlySpan<byte> section)
    {
        if (trailers.FieldCount == 0
            || context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is not { IsReadOnly: false } target)
        {
            return;
        }

        foreach (var field in trailers.Fields)
        {
            var known = FieldNames.Find(field.Name(section));
            // Where a message ends is not a trailer's to say (RFC 9110, section 6.5.1).
            if (known != FieldNames.ContentLength && !FieldNames.IsForThisHop(known))
            {
                var name = FieldNames.NameOf(known, field.Name(section));
                target[name] = StringValues.Concat(target[name], Encoding.Latin1.GetString(field.Value(section)));
            }
        }
    }

    /// <summary>The value of Retry-After; null where there is none.</summary>
    public static string? RetryAfter(AnswerHead head, ReadOnlySpan<byte> section)
    {
        foreach (var field in head.Fields)
        {
            if (FieldNames.Find(field.Name(section)) == FieldNames.RetryAfter)
            {
                return Encoding.Latin1.GetString(field.Value(section));
            }
        }

        return null;
    }

    private static void CopyReason(HttpContext context, int status, ReadOnlySpan<byte> reason)
    {
        if (!reason.IsEmpty && !Ascii.Equals(reason, ReasonPhrases.GetReasonPhrase(status)))
        {
            context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = Encoding.Latin1.GetString(reason);
        }
    }

    /// <summary>To what others have said before, such as who may see the answer from another origin.</summary>
    private static void Add(IHeaderDictionary headers, int known, string name, string value)
    {
        var before = headers[name];
        if (before.Count == 0)
        {
            headers[name] = value;
        }
        else if (known != FieldNames.StrictTransportSecurity)
        {
            headers[name] = StringValues.Concat(before, value);
        }
    }

    private static StringValues ConnectionOf(AnswerHead head, ReadOnlySpan<byte> section)
    {
        var all = StringValues.Empty;
        foreach (var field in head.Fields)
        {
            if (Ascii.EqualsIgnoreCase(field.Name(section), "Connection"))
            {
                all = StringValues.Concat(all, Encoding.Latin1.GetString(field.Value(section)));
            }
        }

        return all;
    }
}
