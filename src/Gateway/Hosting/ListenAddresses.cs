using System.Globalization;
using System.Net;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Where the configuration has the gateway listen, looked through before anything starts: Kestrel finds what is wrong with
/// it last, and ends the process with a stack trace.
/// </summary>
internal static class ListenAddresses
{
    /// <summary>Where it listens unless it is told otherwise.</summary>
    public const string Default = "http://127.0.0.1:8080";

    /// <summary>Whether it is told otherwise.</summary>
    public static bool AreConfigured(IConfiguration configuration) => All(configuration).Any();

    /// <exception cref="MeshConfigurationException">An address can't be used; says which and what would be right.</exception>
    public static void Validate(IConfiguration configuration)
    {
        List<int> ports = [];
        var certificate = IsCertificate(configuration.GetSection("Kestrel:Certificates:Default"));
        foreach (var (setting, address, own) in All(configuration).DefaultIfEmpty(("urls", Default, false)))
        {
            var parsed = Parse(setting, address);
            ports.Add(parsed.Port);
            if (!certificate && !own && Has(parsed, "https"))
            {
                throw new MeshConfigurationException(
                    $"{setting} is '{address}', and there is no certificate for it. Set Kestrel:Certificates:Default:Path and "
                    + "Kestrel:Certificates:Default:KeyPath to the files, in PEM, of one and of its key.");
            }
        }

        ValidateForwarding(configuration, ports);
    }

    /// <summary>One that is mistyped would leave open what it is to close.</summary>
    private static void ValidateForwarding(IConfiguration configuration, IReadOnlyCollection<int> ports)
    {
        foreach (var named in configuration.GetSection($"{GatewayOptions.Section}:{nameof(GatewayOptions.ForwardingPorts)}").GetChildren())
        {
            if (!int.TryParse(named.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0 || !ports.Contains(port))
            {
                throw new MeshConfigurationException(
                    $"{named.Path} is '{named.Value}', which must be a port of one of the addresses that the gateway listens on "
                    + $"({string.Join(", ", ports)}).");
            }
        }
    }

    private static bool IsCertificate(IConfigurationSection section) =>
        !string.IsNullOrEmpty(section["Path"]) || !string.IsNullOrEmpty(section["Subject"]);

    /// <summary>
    /// Those that count, and whether each has a certificate of its own: Kestrel's endpoints, where there are any, else
    /// <c>urls</c>, else the ports.
    /// </summary>
    private static IEnumerable<(string Setting, string Address, bool Own)> All(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().ToList();
        foreach (var endpoint in endpoints)
        {
            var own = IsCertificate(endpoint.GetSection("Certificate")) || endpoint.GetSection("Sni").GetChildren().Any();
            yield return ($"{endpoint.Path}:Url", endpoint["Url"] ?? "", own);
        }

        if (endpoints.Count > 0)
        {
            yield break;
        }

        if (!string.IsNullOrEmpty(configuration["urls"]))
        {
            // Not trimmed: Kestrel does not either.
            foreach (var address in configuration["urls"]!.Split(';', StringSplitOptions.RemoveEmptyEntries))
            {
                yield return ("urls", address, false);
            }

            yield break;
        }

        foreach (var scheme in (string[])["http", "https"])
        {
            var setting = $"{scheme}_ports";
            var ports = configuration[setting]?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            foreach (var port in ports ?? [])
            {
                yield return (setting, $"{scheme}://*:{port}", false);
            }
        }
    }

    private static BindingAddress Parse(string setting, string address)
    {
        BindingAddress? parsed = null;
        string? fault;
        try
        {
            parsed = BindingAddress.Parse(address);
            fault = FindFault(parsed);
        }
        catch (FormatException)
        {
            fault = "which is no address";
        }

        return fault is null
            ? parsed!
            : throw new MeshConfigurationException(
                $"{setting} is '{address}', {fault}. Give addresses such as http://127.0.0.1:8080, http://[::]:8080 or https://*:8443.");
    }

    private static bool Has(BindingAddress address, string scheme) =>
        address.Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase);

    private static string? FindFault(BindingAddress address) => address switch
    {
        _ when !Has(address, "http") && !Has(address, "https") => "which begins with neither http:// nor https://",
        { IsUnixPipe: true } => null,
        // Where no number follows the colon, it is read as a part of the host.
        { Port: < 0 or > IPEndPoint.MaxPort } => "which has no port from 0 to 65535",
        { Host: var host } when host.Contains(':', StringComparison.Ordinal) && !IPAddress.TryParse(host, out _) =>
            "which has no port from 0 to 65535",
        { PathBase.Length: > 0 } => "which has a path",
        _ => null,
    };
}
