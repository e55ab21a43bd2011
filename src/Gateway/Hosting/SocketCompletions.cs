using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Whether what waits for a socket goes on in the thread that hears of all of them (<see
/// cref="GatewayOptions.InlineCompletions"/>). The runtime reads it from an environment variable when the first socket is
/// used, and knows no other way to say it; so this comes before everything that has one.
/// </summary>
internal static class SocketCompletions
{
    public const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Says it to the runtime, unless whoever started the process has.</summary>
    public static void Configure(IConfiguration configuration)
    {
        if (Environment.GetEnvironmentVariable(Variable) is null && IsInline(configuration))
        {
            Environment.SetEnvironmentVariable(Variable, "1");
        }
    }

    /// <summary>
    /// Takes every request but heartbeats, registrations, those for short lists and those that are forwarded to another
    /// thread before anything is done for it. These block nowhere; nobody vouches for all the others.
    /// </summary>
    public static Task LeaveSocketThread(HttpContext context, RequestDelegate next) =>
        ForwardingEndpoint.IsAsked(context.Request)
        || WorkersShortcut.IsAsked(context.Request)
        || FindShortcut.IsAsked(context.Request)
            ? next(context)
            : Elsewhere(context, next);

    /// <summary>Has a request go on in the thread pool.</summary>
    public static async Task Elsewhere(HttpContext context, RequestDelegate next)
    {
        await PoolThread.Enter();
        await next(context);
    }

    /// <summary>What is no truth value is refused later, with the other options.</summary>
    private static bool IsInline(IConfiguration configuration) =>
        !bool.TryParse(
            configuration[$"{GatewayOptions.Section}:{nameof(GatewayOptions.InlineCompletions)}"], out var inline)
        || inline;
}
