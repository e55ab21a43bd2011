using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>What a client's new connection is good for, the most first.</summary>
internal enum Admittance
{
    Served,

    /// <summary>It is for one request, and that is for what workers need or about this gateway.</summary>
    Answered,

    /// <summary>It is closed at once.</summary>
    Refused,
}

/// <summary>
/// Keeps clients from taking what a gateway needs for those that are being served, and for itself
/// (<see cref="OpenFiles"/>, <see cref="ConnectionMemory"/>). Near a limit large bodies are refused, and further connections are
/// closed after one answer, which is 503 but to heartbeats, registrations and whoever watches over the gateway: workers that
/// lapse and gateways that are restarted make it worse. At the limit connections are closed at once.
/// </summary>
internal sealed class Admission(OpenFiles files, ConnectionMemory memory, Shortage shortage)
{
    /// <summary>What is received with its head in one go.</summary>
    private const long SmallBody = 64 * 1024;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private static readonly object Key = new();

    /// <summary>How many connections there are that are for one answer.</summary>
    private int answered;

    /// <summary>Whether a connection that has just come may stay; notes it where it is only to be answered.</summary>
    public bool Admit(ConnectionContext connection)
    {
        var byFiles = connection.Features.Get<IConnectionSocketFeature>() is { } accepted
            ? files.Admit(accepted.Socket)
            : Admittance.Served;
        var byMemory = memory.IsUsedUp ? Admittance.Refused : memory.IsShort ? Admittance.Answered : Admittance.Served;
        if (byFiles == Admittance.Served && byMemory == Admittance.Served)
        {
            return true;
        }

        var what = byFiles > byMemory ? files.Name : memory.Name;
        if (byFiles == Admittance.Refused || byMemory == Admittance.Refused)
        {
            shortage.OnRefusedConnection(what);
            return false;
        }

        connection.Items[Key] = what;
        Interlocked.Increment(ref answered);
        connection.ConnectionClosed.Register(static a => Interlocked.Decrement(ref ((Admission)a!).answered), this);
        return true;
    }

    /// <summary>Answers on connections that are for one answer, the least that must be.</summary>
    public Task Invoke(HttpContext context, RequestDelegate next)
    {
        if (Volatile.Read(ref answered) > 0 && IsOnlyAnswered(context, out var what))
        {
            LastAnswer.Announce(context);
            return IsNeeded(context.Request) ? next(context) : Refuse(context, what);
        }

        return next(context);
    }

    /// <summary>Whether a request that has a body is one there is no memory for. Its connection ends then, for nobody reads it.</summary>
    public bool Refuses(HttpContext context)
    {
        // Of unknown length, it may be any.
        if ((context.Request.ContentLength ?? long.MaxValue) <= SmallBody || !memory.IsShort)
        {
            return false;
        }

        LastAnswer.Announce(context);
        shortage.OnRefusedRequest(memory.Name);
        return true;
    }

    private static bool IsOnlyAnswered(HttpContext context, out string what)
    {
        var items = context.Features.Get<IConnectionItemsFeature>()?.Items;
        what = items is not null && items.TryGetValue(Key, out var found) ? (string)found! : "";
        return what.Length > 0;
    }

    /// <summary>What keeps workers and gateways alive, or says what is the matter, and is over soon.</summary>
    private static bool IsNeeded(HttpRequest request) =>
        WorkersShortcut.IsAsked(request) || request.Path.StartsWithSegments("/health") || request.Path == "/metrics";

    private Task Refuse(HttpContext context, string what)
    {
        shortage.OnRefusedRequest(what);
        return Problems.Unavailable(
            $"This gateway is short of {what}: nothing was done for the request. Another gateway may have room.",
            RetryAfter).ExecuteAsync(context);
    }
}
