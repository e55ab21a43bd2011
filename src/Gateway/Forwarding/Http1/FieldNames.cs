using System.Text;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>The names of answers' fields that are met often, to find their strings without making them anew.</summary>
internal static class FieldNames
{
    private const int Buckets = 256;

    private static readonly string[] Names =
    [
        .. HopByHop.Fields,
        // To be passed on.
        "Content-Length", "Content-Type", "Date", "Server", "Cache-Control", "ETag", "Last-Modified", "Vary", "Location",
        "Set-Cookie", "Accept-Ranges", "Content-Encoding", "Content-Range", "Content-Disposition", "Content-Language",
        "Expires", "Age", "Link", "Retry-After", "Allow", "Via", "WWW-Authenticate", "Pragma", "Trailer",
        "Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
        "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Allow-Credentials",
        "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
    ];

    private static readonly byte[][] ByHash = MakeTable();

    public static int Count => Names.Length;

    public static int ContentLength { get; } = Array.IndexOf(Names, "Content-Length");

    public static int RetryAfter { get; } = Array.IndexOf(Names, "Retry-After");

    public static int StrictTransportSecurity { get; } = Array.IndexOf(Names, "Strict-Transport-Security");

    /// <summary>Which name it is, in any case of letters; -1 where it is none of them.</summary>
    public static int Find(ReadOnlySpan<byte> name)
    {
        foreach (var candidate in ByHash[Hash(name)])
        {
            if (Ascii.EqualsIgnoreCase(name, Names[candidate]))
            {
                return candidate;
            }
        }

        return -1;
    }

    /// <summary>Whether a gateway keeps it to itself.</summary>
    public static bool IsForThisHop(int name) => (uint)name < (uint)HopByHop.Fields.Length;

    /// <summary>The name as a string.</summary>
    public static string NameOf(int name, ReadOnlySpan<byte> text) =>
        name < 0 ? Encoding.ASCII.GetString(text) : Names[name];

    private static int Hash(ReadOnlySpan<byte> name) =>
        ((name.Length * 31) + ((name[0] | 0x20) * 7) + (name[^1] | 0x20)) & (Buckets - 1);

    private static byte[][] MakeTable()
    {
        var table = new byte[Buckets][];
        Array.Fill(table, []);
        for (var i = 0; i < Names.Length; i++)
        {
            var hash = Hash(Encoding.ASCII.GetBytes(Names[i]));
            table[hash] = [.. table[hash], (byte)i];
        }

        return table;
    }
}
