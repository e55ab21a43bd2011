namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Content of a request that can't be read to its end, for the client's connection broke.</summary>
internal static class BrokenContent
{
    /// <summary>Whether this is what reading it throws then; what is no content, or too short, throws another.</summary>
    public static bool Is(Exception e) => e is IOException and not BadHttpRequestException;

    /// <summary>
    /// Gives the client up. Kestrel may not have noticed, and would try to read what is left, and fail in words that blame
    /// the gateway.
    /// </summary>
    public static void GiveUp(HttpContext context) => context.Abort();
}
