using System.Globalization;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// Hosts of the tests' own on a network that can be cut between any two: network namespaces, each joined by a veth pair
/// to a router between them. What a cut drops vanishes in the router, as in a broken cable: no side is told. Needs root.
/// </summary>
internal sealed class HostNetwork : IAsyncDisposable
{
    private const string Prefix = "10.213";

    private readonly string _name = string.Create(CultureInfo.InvariantCulture, $"mesh{Environment.ProcessId}");
    private readonly int _hosts;
    private readonly List<string> _rules = [];

    private HostNetwork(int hosts) => _hosts = hosts;

    /// <summary>The address of the tests themselves, and of gateways that they start.</summary>
    public static string TestAddress => $"{Prefix}.0.1";

    /// <summary>Another address of this machine, which can be cut off alone.</summary>
    public static string DatabaseAddress => $"{Prefix}.0.2";

    public static async Task<HostNetwork> CreateAsync(int hosts)
    {
        var network = new HostNetwork(hosts);
        try
        {
            await network.BuildAsync();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>The network namespace of a host.</summary>
    public string NameOf(int host) => string.Create(CultureInfo.InvariantCulture, $"{_name}-{host}");

    public static string AddressOf(int host) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}.{host + 1}.1");

    /// <summary>From now on nothing passes between two addresses, in either direction.</summary>
    public async Task CutAsync(string one, string other)
    {
        foreach (var rule in (string[])[$"from {one} to {other}", $"from {other} to {one}"])
        {
            await IpAsync($"-n {Router} rule add {rule} blackhole");
            _rules.Add(rule);
        }
    }

    public async Task HealAsync()
    {
        foreach (var rule in _rules)
        {
            await IpAsync($"-n {Router} rule del {rule} blackhole");
        }

        _rules.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        // The veth pairs go with the namespaces that one end of each is in.
        foreach (var space in Spaces())
        {
            await ShellAsync($"ip netns del {space} 2>/dev/null || true");
        }
    }

    private string Router => $"{_name}-r";

    private IEnumerable<string> Spaces() => Enumerable.Range(0, _hosts).Select(NameOf).Append(Router);

    private async Task BuildAsync()
    {
        foreach (var space in Spaces())
        {
            Guard.NamespaceCreated(space);
            await IpAsync($"netns add {space}");
            await IpAsync($"-n {space} link set lo up");
        }

        await IpAsync($"link add {_name} type veth peer name tests netns {Router}");
        await JoinAsync("", _name, "tests", 0);
        await IpAsync($"addr add {DatabaseAddress}/24 dev {_name}");
        await IpAsync($"route add {Prefix}.0.0/16 via {Prefix}.0.254");
        for (var host = 0; host < _hosts; host++)
        {
            var space = NameOf(host);
            var link = string.Create(CultureInfo.InvariantCulture, $"h{host}");
            await IpAsync($"-n {space} link add eth0 type veth peer name {link} netns {Router}");
            await JoinAsync($"-n {space} ", "eth0", link, host + 1);
            await IpAsync($"-n {space} route add default via {Prefix}.{host + 1}.254");
        }

        await ShellAsync($"ip netns exec {Router} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'");
    }

    private async Task JoinAsync(string where, string link, string atRouter, int subnet)
    {
        await IpAsync(string.Create(CultureInfo.InvariantCulture, $"{where}addr add {Prefix}.{subnet}.1/24 dev {link}"));
        await IpAsync($"{where}link set {link} up");
        await IpAsync(string.Create(CultureInfo.InvariantCulture, $"-n {Router} addr add {Prefix}.{subnet}.254/24 dev {atRouter}"));
        await IpAsync($"-n {Router} link set {atRouter} up");
    }

    private static Task<string> IpAsync(string arguments) => ShellAsync($"ip {arguments}");

    private static Task<string> ShellAsync(string command) =>
        Cluster.Postgres.ChildProcess.RunAsync("sh", ["-c", command], CancellationToken.None);
}
