namespace WorkerMesh.Gateway.Forwarding;

/// <summary>How long the parts of one attempt may take; there is no limit for the whole.</summary>
/// <param name="Connect">Until there is a connection, TLS included.</param>
/// <param name="FirstByte">From the end of the request to the first byte of the answer.</param>
/// <param name="BetweenBytes">Any other pause: between two bytes of the request, or of the answer.</param>
internal readonly record struct TimeLimits(TimeSpan Connect, TimeSpan FirstByte, TimeSpan BetweenBytes);
