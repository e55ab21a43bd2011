using System.Collections;
using System.Runtime.CompilerServices;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// An immutable list of instances, in no order, of which a changed copy shares all but one or two small pieces: a
/// registration storm makes a copy each few milliseconds of lists that get ever longer. Reading a place costs one look
/// more than in an array.
/// </summary>
internal sealed class InstanceList : IReadOnlyList<Instance>
{
    private const int Shift = 10;
    private const int PieceLength = 1 << Shift;

    public static readonly InstanceList Empty = new([], 0);

    /// <summary>All of <see cref="PieceLength"/> but the last, which is as long as what it holds.</summary>
    private readonly Instance[][] pieces;

    private InstanceList(Instance[][] pieces, int length) => (this.pieces, Length) = (pieces, length);

    public int Length { get; }

    int IReadOnlyCollection<Instance>.Count => Length;

    public Instance this[int place]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => pieces[place >> Shift][place & (PieceLength - 1)];
    }

    public static InstanceList Of(IEnumerable<Instance> instances)
    {
        var pieces = instances.Chunk(PieceLength).ToArray();
        return pieces.Length == 0 ? Empty : new(pieces, ((pieces.Length - 1) * PieceLength) + pieces[^1].Length);
    }

    /// <summary>The same with one more at the end.</summary>
    public InstanceList Add(Instance added) => (Length & (PieceLength - 1)) == 0
        ? new([.. pieces, [added]], Length + 1)
        : new(With(pieces.Length - 1, [.. pieces[^1], added]), Length + 1);

    /// <summary>The same without the one at a place, which the last one takes.</summary>
    public InstanceList RemoveAt(int place)
    {
        var last = pieces[^1];
        var shorter = last.Length == 1 ? pieces[..^1] : With(pieces.Length - 1, last[..^1]);
        if (place != Length - 1)
        {
            var (piece, within) = (place >> Shift, place & (PieceLength - 1));
            // The last piece is this list's own by now; the others are not.
            var changed = piece == pieces.Length - 1 ? shorter[piece] : (Instance[])shorter[piece].Clone();
            changed[within] = last[^1];
            shorter[piece] = changed;
        }

        return new(shorter, Length - 1);
    }

    public IEnumerator<Instance> GetEnumerator()
    {
        foreach (var piece in pieces)
        {
            foreach (var instance in piece)
            {
                yield return instance;
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private Instance[][] With(int index, Instance[] piece)
    {
        var copy = (Instance[][])pieces.Clone();
        copy[index] = piece;
        return copy;
    }
}
