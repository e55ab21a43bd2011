using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>How a gateway routes and forwards. Configuration section <c>Gateway</c>.</summary>
public sealed class GatewayOptions
{
    public const string Section = "Gateway";
    public const int LongestQueue = 100_000;

    /// <summary>
    /// This gateway's zone: workers of the same zone are preferred. Default none: all workers are equal.
    /// </summary>
    [RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        ErrorMessage = "Gateway:Zone must be 1 to 128 letters, digits, '.', '_' or '-', beginning with a letter or digit.")]
    public string? Zone { get; set; }

    /// <summary>
    /// How long connecting to a worker may take, TLS included. Shorter: a host that is gone costs a request less. Longer: slow
    /// networks are not taken for dead ones. Default 2 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long a worker may take from the end of the request to the first byte of its answer. Default 120 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan FirstByteTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// How long a worker, or a client that sends or reads, may pause between two bytes. Default 120 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan BetweenBytesTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// The longest <see cref="ConnectTimeout"/> that a request may ask for by header; longer ones are cut to it. Default
    /// 10 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan MaxConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The longest <see cref="FirstByteTimeout"/> that a request may ask for by header. Default 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan MaxFirstByteTimeout { get; set; } = TimeSpan.FromHours(1);

    /// <summary>The longest <see cref="BetweenBytesTimeout"/> that a request may ask for by header. Default 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan MaxBetweenBytesTimeout { get; set; } = TimeSpan.FromHours(1);

    /// <summary>What differs for single service types, by their names.</summary>
    public Dictionary<string, ServiceOptions> Services { get; set; } = new(StringComparer.Ordinal);

    /// <summary>
    /// How many workers a request may be tried at where nothing was sent to those that failed. High, because a refused
    /// connection costs next to nothing, and after an outage many of the listed workers may be gone. Default 16.
    /// </summary>
    [Range(1, 100)]
    public int MaxConnectAttempts { get; set; } = 16;

    /// <summary>
    /// How many workers an idempotent request may be sent to in all, when those before did not answer. Low, because an
    /// overload must not be multiplied. Default 3.
    /// </summary>
    [Range(1, 10)]
    public int MaxSendAttempts { get; set; } = 3;

    /// <summary>
    /// How many attempts after something may have been sent a service type may add, as a share of its requests: each
    /// request earns so much of one. Lower: an overload is multiplied less. Higher: more requests outlive a worker that
    /// fails. Attempts after a refused connection do not count. Default 0.2.
    /// </summary>
    [Range(0.0, 1.0)]
    public double RetryShare { get; set; } = 0.2;

    /// <summary>
    /// Whether requests to workers at http URLs are sent by the gateway's own client for HTTP/1.1, at a third of the cost.
    /// False: all are sent by YARP and HttpClient, which also send what is no plain HTTP/1.1: TLS, gRPC, upgrades. Default
    /// true.
    /// </summary>
    public bool OwnHttp1Client { get; set; } = true;

    /// <summary>
    /// Whether a forwarded request is passed on by the threads that hear of all sockets, without handing it to others. Takes
    /// a fifth less processor time for a small request. What would block on those threads holds up other connections: all but
    /// forwarding leaves them first. Read when the process starts. Default true.
    /// </summary>
    public bool InlineCompletions { get; set; } = true;

    /// <summary>
    /// Whether, where many requests come at once, these threads go through all of them before they send anything: whoever is
    /// sent something finds several then when it wakes. Up to a fifth more requests pass at hundreds of connections. Only with
    /// <see cref="InlineCompletions"/>. Default true.
    /// </summary>
    public bool GatherSends { get; set; } = true;

    /// <summary>
    /// How many requests to one service type may wait for a place where every worker has as many in flight as it takes
    /// (<c>max_concurrency</c>); more are refused with 429. Longer: fewer are refused, and they wait longer. 0: none
    /// wait. Default 100.
    /// </summary>
    [Range(0, LongestQueue)]
    public int QueueLength { get; set; } = 100;

    /// <summary>How long a request may wait for a place before it is refused with 429. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a worker may take over a broadcast job. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan JobTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Origins whose pages may use this gateway from a browser, such as <c>https://console.example</c>; <c>*</c> is
    /// any. Default none.
    /// </summary>
    public string[] CorsOrigins { get; set; } = [];

    /// <summary>
    /// Ports, among those it listens on, where it serves nothing but <c>/service/</c>, <c>/health/live</c> and
    /// <c>/health/ready</c>. Default none: all addresses serve all.
    /// </summary>
    public int[] ForwardingPorts { get; set; } = [];

    /// <summary>
    /// How long a gateway that was told to stop goes on as before while it says that it is not ready. Longer than load
    /// balancers take to notice. Default 1 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan ShutdownNotice { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long after that, when it listens no more, clients may take to leave the connections that they have open; it
    /// goes on when all have left, or none has sent a request for 1 s. Together with the notice, less than the 25 s that
    /// a process has to stop. Default 10 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan ShutdownLinger { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many service types this gateway watches at most. Default 10,000.</summary>
    [Range(1, 1_000_000)]
    public int MaxRoutes { get; set; } = 10_000;

    /// <summary>A service type that nobody asked for so long is watched no more. Default 5 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan RouteIdleTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>As <see cref="RouteIdleTimeout"/>, of a service type that nobody offers. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan UnservedRouteIdleTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the first request for a service type waits for its registry. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan FirstSnapshotTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long an answered change waits to be visible at this gateway too. Default 0.25 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:05")]
    public TimeSpan CatchUpTimeout { get; set; } = TimeSpan.FromSeconds(0.25);
}

[OptionsValidator]
internal sealed partial class GatewayOptionsValidator : IValidateOptions<GatewayOptions>;
