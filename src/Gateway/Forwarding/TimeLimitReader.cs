using System.Globalization;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Reads the time limits that a request asks for itself, in seconds.</summary>
internal static class TimeLimitReader
{
    public const string Connect = "X-Mesh-Timeout-Connect";
    public const string FirstByte = "X-Mesh-Timeout-First-Byte";
    public const string BetweenBytes = "X-Mesh-Timeout-Between-Bytes";

    /// <summary>Shorter ones would be over before the timers tick.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    /// <summary>Whether a request asks for any.</summary>
    public static bool Asks(IHeaderDictionary headers) =>
        headers.ContainsKey(FirstByte) || headers.ContainsKey(BetweenBytes) || headers.ContainsKey(Connect);

    /// <param name="headers">The request's.</param>
    /// <param name="usual">What holds without the headers.</param>
    /// <param name="longest">
    /// The most that a request may ask for, unless more is usual. Longer ones are cut to it: a client that says how
    /// patient it is need not know how patient the gateway is.
    /// </param>
    /// <param name="errors">Gets an error at the header's name for each that can't be read.</param>
    public static TimeLimits Read(IHeaderDictionary headers, TimeLimits usual, TimeLimits longest, FieldErrors errors) => new(
        Read(headers, Connect, usual.Connect, longest.Connect, errors),
        Read(headers, FirstByte, usual.FirstByte, longest.FirstByte, errors),
        Read(headers, BetweenBytes, usual.BetweenBytes, longest.BetweenBytes, errors));

    private static TimeSpan Read(
        IHeaderDictionary headers, string name, TimeSpan usual, TimeSpan longest, FieldErrors errors)
    {
        if (!headers.TryGetValue(name, out var values))
        {
            return usual;
        }

        if (values.Count != 1
            || !double.TryParse(values[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            || !double.IsFinite(seconds)
            || seconds <= 0)
        {
            errors.Add(name, $"Must be seconds, a number greater than 0 such as 2.5, not {Quoted.Text(values.ToString())}.");
            return usual;
        }

        var most = longest > usual ? longest : usual;
        var asked = seconds < most.TotalSeconds ? TimeSpan.FromSeconds(seconds) : most;
        return asked > Shortest ? asked : Shortest;
    }
}
