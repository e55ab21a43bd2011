using Microsoft.Extensions.Configuration;
using Npgsql;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

public sealed class ClusterDatabaseTests
{
    [Fact]
    public void What_the_connection_string_does_not_say_is_chosen_for_calls_that_nobody_waits_long_for()
    {
        var used = Used("Host=db;Database=mesh;Username=mesh");
        Assert.Equal(
            (5, 5, 3, 10, GssEncryptionMode.Disable, true),
            (used.Timeout, used.CommandTimeout, used.HostRecheckSeconds, used.ConnectionLifetime, used.GssEncryptionMode, used.NoResetOnClose));
    }

    [Fact]
    public void Of_several_servers_one_that_does_not_answer_leaves_time_for_the_next() =>
        Assert.Equal(1, Used("Host=db-1,db-2;Database=mesh;Username=mesh;Target Session Attributes=primary").Timeout);

    [Theory]
    [InlineData("Host=db;Timeout=7;Command Timeout=8;GSS Encryption Mode=Require;No Reset On Close=false;Host Recheck Seconds=9;Connection Lifetime=90")]
    [InlineData("host=db;timeout=7;commandtimeout=8;gssencryptionmode=require;noresetonclose=false;hostrecheckseconds=9;connectionlifetime=90")]
    public void What_it_says_holds(string text)
    {
        var used = Used(text);
        Assert.Equal(
            (7, 8, 9, 90, GssEncryptionMode.Require, false),
            (used.Timeout, used.CommandTimeout, used.HostRecheckSeconds, used.ConnectionLifetime, used.GssEncryptionMode, used.NoResetOnClose));
    }

    [Theory]
    [InlineData("Database=mesh", "no Host")]
    [InlineData("Host=,;Database=mesh", "no Host")]
    [InlineData("Host=db;Timeout=soon;Password=secret", "can't be read")]
    [InlineData(null, "needs ConnectionStrings__Cluster")]
    public void A_bad_one_is_refused_without_showing_the_password(string? text, string says)
    {
        var e = Assert.Throws<MeshConfigurationException>(() => Used(text));
        Assert.Contains(says, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }

    private static NpgsqlConnectionStringBuilder Used(string? text)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new($"ConnectionStrings:{MeshOptions.ConnectionName}", text)])
            .Build();
        using var source = ClusterDatabase.Connect(configuration);
        return new(source.ConnectionString);
    }
}
