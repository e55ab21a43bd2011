using System.Buffers;
using System.Globalization;

namespace WorkerMesh.Gateway.Reading;

/// <summary>The rule for base URLs of workers. Stricter than <see cref="Uri"/>, which mends what it is given.</summary>
internal static class WorkerUrl
{
    private const string Example = "such as 'http://ocr-1:8104'";

    /// <summary>The characters of RFC 3986.</summary>
    private static readonly SearchValues<char> Allowed = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%");

    private static readonly SearchValues<char> AllowedInHost = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._");

    /// <summary>What is wrong with a URL, as a sentence; null where nothing is.</summary>
    public static string? FindFault(string text)
    {
        if (text.Length > Grains.Workers.Registration.MaxUrlLength)
        {
            return $"Must be at most {Grains.Workers.Registration.MaxUrlLength} characters long, not {text.Length}.";
        }

        if (text.AsSpan().ContainsAnyExcept(Allowed))
        {
            return $"Must hold only characters of a URL, {Example}, others percent-encoded, not {Quoted.Text(text)}.";
        }

        if (AfterScheme(text) is not { } start)
        {
            return $"Must be an absolute URL that begins with http:// or https://, {Example}, not {Quoted.Text(text)}.";
        }

        if (text.AsSpan().ContainsAny('?', '#'))
        {
            return $"Must have no query and no fragment, {Example}, not {Quoted.Text(text)}.";
        }

        var end = text.IndexOf('/', start);
        var authority = text.AsSpan(start, (end < 0 ? text.Length : end) - start);
        // Not quoted: it may hold a password.
        return authority.Contains('@')
            ? $"Must have no user name and no password before the host, {Example}."
            : FindFault(authority, text);
    }

    /// <summary>As it is stored: as given, but without a slash at the end, since paths are put after it.</summary>
    public static string Trim(string text) => text.TrimEnd('/');

    /// <summary>One text for all spellings of a URL that has no fault.</summary>
    public static string Canonical(string text) => new Uri(Trim(text)).AbsoluteUri;

    private static int? AfterScheme(string text) =>
        text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? "http://".Length
        : text.StartsWith("https://", StringComparison.OrdinalIgnoreCase) ? "https://".Length
        : null;

    private static string? FindFault(ReadOnlySpan<char> authority, string text)
    {
        // The colons of an IPv6 address are in brackets.
        var hostEnd = authority.StartsWith('[') ? authority.IndexOf(']') + 1 : authority.IndexOf(':');
        var host = hostEnd < 0 ? authority : authority[..hostEnd];
        var port = authority[host.Length..];
        if (IsHost(host) && !port.IsEmpty && !(port[0] == ':' && IsPort(port[1..])))
        {
            return $"Must have a port from 1 to 65535 after the host, {Example}, not {Quoted.Text(text)}.";
        }

        return IsHost(host) && Uri.TryCreate(text, UriKind.Absolute, out var uri) && IsHostType(uri.HostNameType)
            ? null
            : $"Must have the name or the address of a host, {Example}, not {Quoted.Text(text)}.";
    }

    private static bool IsPort(ReadOnlySpan<char> text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0;

    private static bool IsHost(ReadOnlySpan<char> host) =>
        host.Length > 0 && (host[0] == '[' || !host.ContainsAnyExcept(AllowedInHost));

    private static bool IsHostType(UriHostNameType type) =>
        type is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6;
}
