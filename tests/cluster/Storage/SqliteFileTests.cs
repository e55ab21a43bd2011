using Microsoft.Data.Sqlite;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Tests.Cluster.Storage;

public sealed class SqliteFileTests : IAsyncLifetime
{
    private readonly SqliteStores _stores = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _stores.DisposeAsync();

    [Fact]
    public async Task A_store_that_is_opened_again_has_what_was_stored()
    {
        var store = await _stores.OpenAsync(Cancel);
        var record = Sample.Record("kept", 3, ["ocr"]);
        Assert.True(await store.SaveAsync(record, Cancel));
        Assert.True(await store.SaveAsync(Sample.Record("gone", 7), Cancel));
        Assert.True(await store.RemoveAsync(WorkerId.Parse("gone"), 7, Cancel));
        await _stores.CloseAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.SaveAsync(record, Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync(record.Id, Cancel));

        store = await _stores.OpenAsync(Cancel);

        var stored = await store.ReadAsync(record.Id, Cancel);
        Sample.AssertSame(record, stored.Record);
        Assert.Equal(7, stored.IncarnationFloor);
        Assert.Equal(["kept"], await store.IdsAsync("ocr"));
    }

    [Fact]
    public async Task Initializing_twice_does_no_harm()
    {
        var store = await _stores.OpenAsync(Cancel);
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));

        await store.InitializeAsync(Cancel);

        Assert.Equal(["a"], await store.IdsAsync());
    }

    [Fact]
    public async Task Others_may_not_read_the_file_or_enter_its_directory()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Modes are Unix's.");
        var store = await _stores.OpenAsync(Cancel);
        Assert.True(await store.SaveAsync(Sample.Record("a"), Cancel));

        var directory = new DirectoryInfo(Path.GetDirectoryName(_stores.File)!);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, directory.UnixFileMode);
        Assert.Equal(3, directory.GetFiles().Length);
        Assert.All(
            directory.GetFiles(),
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode));
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_left_alone_and_named()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_stores.File)!);
        var text = string.Concat(Enumerable.Repeat("This is not a database. ", 100));
        await File.WriteAllTextAsync(_stores.File, text, Cancel);

        var e = await Assert.ThrowsAsync<StoreUnusableException>(() => _stores.OpenAsync(Cancel));

        Assert.Contains(_stores.File, e.Message, StringComparison.Ordinal);
        Assert.Contains("damaged or not a SQLite database", e.Message, StringComparison.Ordinal);
        Assert.Contains("Restore it from a backup", e.Message, StringComparison.Ordinal);
        Assert.Equal(text, await File.ReadAllTextAsync(_stores.File, Cancel));
    }

    [Fact]
    public async Task A_database_with_damaged_pages_is_found_out_when_it_is_opened()
    {
        var store = await _stores.OpenAsync(Cancel);
        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => store.SaveAsync(Sample.Record($"w{i}"), Cancel)));
        await _stores.CloseAsync();
        await using (var file = new FileStream(_stores.File, FileMode.Open))
        {
            file.Position = file.Length / 2;
            await file.WriteAsync(Enumerable.Repeat((byte)0xA5, 20_000).ToArray(), Cancel);
        }

        var e = await Assert.ThrowsAsync<StoreUnusableException>(() => _stores.OpenAsync(Cancel));

        Assert.Contains("damaged", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_that_cannot_be_written_is_named_with_what_to_check()
    {
        Directory.CreateDirectory(_stores.File);

        var e = await Assert.ThrowsAsync<StoreUnusableException>(() => _stores.OpenAsync(Cancel));

        Assert.Contains($"'{_stores.File}' cannot be opened for writing", e.Message, StringComparison.Ordinal);
        Assert.Contains("belongs to the user", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_made_is_named_with_what_to_check()
    {
        var parent = Path.GetDirectoryName(_stores.File)!;
        Directory.CreateDirectory(Path.GetDirectoryName(parent)!);
        await File.WriteAllTextAsync(parent, "A file where the directory should be.", Cancel);

        var e = await Assert.ThrowsAsync<StoreUnusableException>(() => _stores.OpenAsync(Cancel));

        Assert.Contains("cannot be opened for writing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_a_newer_version_is_refused()
    {
        await _stores.OpenAsync(Cancel);
        await _stores.CloseAsync();
        await using (var connection = new SqliteConnection($"Data Source={_stores.File};Pooling=False"))
        {
            await connection.OpenAsync(Cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 1000";
            await command.ExecuteNonQueryAsync(Cancel);
        }

        var e = await Assert.ThrowsAsync<StoreUnusableException>(() => _stores.OpenAsync(Cancel));

        Assert.Contains("schema version 1000", e.Message, StringComparison.Ordinal);
        Assert.Contains("Upgrade", e.Message, StringComparison.Ordinal);
    }
}
