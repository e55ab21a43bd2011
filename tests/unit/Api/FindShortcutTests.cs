using WorkerMesh.Gateway.Api;
using WorkerMesh.Tests.Unit.Routing;

namespace WorkerMesh.Tests.Unit.Api;

/// <summary>Which lists are written on a thread that others wait for.</summary>
public sealed class FindShortcutTests
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(256, true)]
    [InlineData(257, false)]
    [InlineData(10_000, false)]
    public void Only_short_lists_are(int workers, bool stays) => Assert.Equal(
        stays,
        FindShortcut.IsShort(Sample.Snapshot(Enumerable.Range(0, workers).Select(i => Sample.Instance($"w{i}")).ToList())));
}
