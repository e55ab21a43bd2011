using System.Net;
using System.Net.Sockets;
using WorkerMesh.Silo.Networking;

namespace WorkerMesh.Tests.Unit.Networking;

public sealed class RouteAddressTests
{
    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("127.0.0.1:5433", "127.0.0.1")]
    [InlineData("localhost", "127.0.0.1")]
    [InlineData("localhost:5433,127.0.0.1:5434", "127.0.0.1")]
    [InlineData("::1", "::1")]
    [InlineData("[::1]:5433", "::1")]
    [InlineData("/var/run/postgresql", "127.0.0.1")]
    [InlineData("gone.invalid, 127.0.0.1", "127.0.0.1")]
    [InlineData("gone.invalid:5433,[::1]:5433", "::1")]
    public async Task It_is_the_one_on_the_way_to_the_first_host_that_there_is_a_way_to(string hosts, string expected) =>
        Assert.Equal(IPAddress.Parse(expected), await RouteAddress.ToDatabase(Servers(hosts), TestContext.Current.CancellationToken));

    [Fact]
    public Task Where_no_host_is_known_it_says_so() => Assert.ThrowsAnyAsync<SocketException>(
        () => RouteAddress.ToDatabase(Servers("gone.invalid,away.invalid"), TestContext.Current.CancellationToken));

    [Theory]
    [InlineData("db", "db:5432")]
    [InlineData("db:5433", "db:5433")]
    [InlineData("db-1:5433, db-2", "db-1:5433, db-2:5432")]
    [InlineData("::1", "[::1]:5432")]
    [InlineData("[::1]", "[::1]:5432")]
    [InlineData("[fd00::1]:5433,10.0.0.1", "[fd00::1]:5433, 10.0.0.1:5432")]
    [InlineData("/var/run/postgresql", "/var/run/postgresql")]
    [InlineData("/run/db:1,db", "/run/db:1, db:5432")]
    public void The_servers_of_a_connection_string_are_shown_with_their_ports(string hosts, string expected) =>
        Assert.Equal(expected, DatabaseServer.Describe(new() { Host = hosts }));

    private static IReadOnlyList<DatabaseServer> Servers(string hosts) => DatabaseServer.Of(new() { Host = hosts });
}
