using Microsoft.Extensions.Configuration;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

public sealed class ListenAddressesTests
{
    [Theory]
    [InlineData("urls", "http://127.0.0.1:8080")]
    [InlineData("urls", "http://*:80;http://[::1]:8080;http://localhost:0/;")]
    [InlineData("urls", "HTTP://127.0.0.1:8080")]
    [InlineData("urls", "http://unix:/run/mesh.sock")]
    [InlineData("urls", "http://localhost")]
    [InlineData("http_ports", "8080; 8081")]
    [InlineData("http_ports", "")]
    public void What_Kestrel_can_use_is_right(string setting, string value) => ListenAddresses.Validate(Settings((setting, value)));

    [Theory]
    [InlineData("urls", "here")]
    [InlineData("urls", "127.0.0.1:8080")]
    [InlineData("urls", "http://127.0.0.1:8080; http://127.0.0.1:8081")]
    [InlineData("urls", "http://127.0.0.1:8080;hppt://127.0.0.1:8081")]
    [InlineData("urls", "http://127.0.0.1:99999")]
    [InlineData("urls", "http://127.0.0.1:port")]
    [InlineData("urls", "http://[::1]:port")]
    [InlineData("urls", "http://127.0.0.1:8080/mesh")]
    [InlineData("urls", "https://127.0.0.1:8443")]
    [InlineData("urls", "HTTPS://127.0.0.1:8443")]
    [InlineData("http_ports", "many")]
    [InlineData("https_ports", "8443")]
    [InlineData("Kestrel:Endpoints:A:Url", "here")]
    [InlineData("Kestrel:Endpoints:A:Address", "http://127.0.0.1:8080")]
    public void What_it_cannot_is_said_with_the_setting(string setting, string value)
    {
        var e = Assert.Throws<MeshConfigurationException>(() => ListenAddresses.Validate(Settings((setting, value))));
        Assert.StartsWith(setting.Replace(":Address", ":Url", StringComparison.Ordinal), e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Kestrel:Certificates:Default:Path")]
    [InlineData("Kestrel:Certificates:Default:Subject")]
    [InlineData("Kestrel:Endpoints:A:Certificate:Path")]
    [InlineData("Kestrel:Endpoints:A:Sni:*:Certificate:Path")]
    public void An_address_with_TLS_needs_a_certificate(string setting) =>
        ListenAddresses.Validate(Settings(("Kestrel:Endpoints:A:Url", "https://*:8443"), (setting, "x")));

    [Theory]
    [InlineData("urls", "http://*:8080;http://*:9000", "9000", true)]
    [InlineData("urls", "http://*:8080;http://*:9000", "9001", false)]
    [InlineData("urls", "http://*:8080;http://*:9000", "", false)]
    [InlineData("urls", "http://127.0.0.1:0", "0", false)]
    [InlineData("http_ports", "8080;9000", "9000", true)]
    [InlineData("Kestrel:Endpoints:A:Url", "http://*:9000", "9000", true)]
    [InlineData("Gateway:Zone", "a", "8080", true)]
    [InlineData("Gateway:Zone", "a", "9000", false)]
    public void A_port_that_only_forwards_is_one_of_them(string setting, string value, string port, bool right)
    {
        var settings = Settings((setting, value), ("Gateway:ForwardingPorts:0", port));
        if (right)
        {
            ListenAddresses.Validate(settings);
            return;
        }

        Assert.Contains("Gateway:ForwardingPorts:0", Assert.Throws<MeshConfigurationException>(() => ListenAddresses.Validate(settings)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_Kestrel_has_endpoints_nothing_else_counts() => Assert.Throws<MeshConfigurationException>(() => ListenAddresses.Validate(Settings(
        ("Kestrel:Endpoints:A:Url", "http://*:8080"), ("urls", "http://*:9000"), ("Gateway:ForwardingPorts:0", "9000"))));

    private static IConfiguration Settings(params (string Name, string Value)[] all) =>
        new ConfigurationBuilder().AddInMemoryCollection(all.Select(s => KeyValuePair.Create(s.Name, (string?)s.Value))).Build();
}
