using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace WorkerMesh.Grains.Storage.Sqlite;

/// <summary>The database file: makes it, opens it and brings its schema up to date.</summary>
internal static class SqliteFile
{
    private const UnixFileMode DirectoryMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Opens the file for its one writer; makes it and its directory where they are missing.</summary>
    /// <exception cref="StoreUnusableException">The message says what to do.</exception>
    public static SqliteConnection OpenWriter(string path)
    {
        try
        {
            Create(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, e);
        }

        return Open(path, connection =>
        {
            Check(connection, path);
            // WAL and FULL: each commit is one fsync, and what is acknowledged survives a power cut. The log may grow to
            // 16 MB before it is folded into the file, which holds up a commit; 16 MB of pages are kept in memory.
            Execute(
                connection,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384");
            Migrate(connection, path);
        });
    }

    /// <summary>Opens the file once more, for reading beside the writer.</summary>
    public static SqliteConnection OpenReader(string path) =>
        Open(path, connection => Execute(connection, "PRAGMA query_only = 1"));

    public static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static SqliteConnection Open(string path, Action<SqliteConnection> prepare)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWrite,
            // A pool would keep the file open behind the back of a closed store.
            Pooling = false,
            // Seconds to wait where another process writes.
            DefaultTimeout = 3,
        }.ToString());
        try
        {
            connection.Open();
            prepare(connection);
            return connection;
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw e.SqliteErrorCode is raw.SQLITE_NOTADB or raw.SQLITE_CORRUPT
                ? Damaged(path, e.Message, e)
                : NotWritable(path, e);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Create(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            Directory.CreateDirectory(directory, DirectoryMode);
        }

        // SQLite would make it readable for all; the files beside it take over the mode of this one.
        var options = new FileStreamOptions { Mode = System.IO.FileMode.OpenOrCreate, Access = FileAccess.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = FileMode;
        }

        // SQLite's locks belong to the process and end when any handle of the file is closed: never while it has it
        // open.
        if (!File.Exists(path))
        {
            using var file = new FileStream(path, options);
        }
    }

    private static void Check(SqliteConnection connection, string path)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA quick_check(1)";
        if (command.ExecuteScalar() is string answer and not "ok")
        {
            throw Damaged(path, answer, null);
        }
    }

    private static void Migrate(SqliteConnection connection, string path)
    {
        var migrations = EmbeddedScripts.Read(typeof(SqliteFile).Assembly, "sqlite");
        Execute(connection, "BEGIN IMMEDIATE");
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = (int)(long)command.ExecuteScalar()!;
        if (version > migrations.Count)
        {
            throw new StoreUnusableException(
                $"The registration store '{path}' has schema version {version}; this program knows versions up to "
                + $"{migrations.Count}. Upgrade it to the version that last used the file.");
        }

        foreach (var migration in migrations.Skip(version))
        {
            Execute(connection, migration);
        }

        Execute(connection, $"PRAGMA user_version = {migrations.Count}; COMMIT");
    }

    private static StoreUnusableException Damaged(string path, string detail, Exception? inner) => new(
        $"The registration store '{path}' is damaged or not a SQLite database ({detail}). Restore it from a backup, or "
        + "move it away to start with an empty one; workers then have to register again.",
        inner!);

    private static StoreUnusableException NotWritable(string path, Exception inner) => new(
        $"The registration store '{path}' cannot be opened for writing ({inner.Message}). Check that the path is "
        + "right, that its directory belongs to the user this program runs as, and that the disk is not full.",
        inner);
}
