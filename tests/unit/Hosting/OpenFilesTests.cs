using Microsoft.Extensions.Logging.Abstractions;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

/// <summary>What connections may take of what a process may have open.</summary>
public sealed class OpenFilesTests
{
    [Theory]
    [InlineData(1024, 896, 672)]
    [InlineData(20_000, 18_976, 14_232)]
    [InlineData(1_048_576, 1_047_552, 785_664)]
    [InlineData(int.MaxValue, int.MaxValue - 1024, 1_610_611_965)]
    public void Something_is_left_for_the_process_and_a_quarter_for_workers(int most, int workers, int clients)
    {
        var files = Of(most);

        Assert.Equal((workers, clients), (files.MostForWorkers, files.MostForClients));
    }

    [Fact]
    public void Too_low_a_limit_is_refused_with_what_to_do()
    {
        var refused = Assert.Throws<MeshConfigurationException>(() => Of(1023));

        Assert.Contains("1023", refused.Message, StringComparison.Ordinal);
        Assert.Contains("ulimit -n", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4096                 8192      ", 4096)]
    [InlineData("1073741816           1073741816", 1_073_741_816)]
    [InlineData("unlimited            unlimited ", int.MaxValue)]
    [InlineData("9223372036854775807  unlimited ", int.MaxValue)]
    public void The_soft_limit_is_the_one(string columns, int expected) =>
        Assert.Equal(expected, OpenFiles.LimitIn(
            $"""
             Limit                     Soft Limit           Hard Limit           Units
             Max processes             95874                95874                processes
             Max open files            {columns}           files
             Max locked memory         8388608              8388608              bytes
             """));

    private static OpenFiles Of(int most) => new(most, new(TimeProvider.System, NullLogger<Shortage>.Instance));
}
