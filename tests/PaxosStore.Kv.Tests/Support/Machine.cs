using System.Text;

namespace PaxosStore.Kv.Tests;

/// <summary>A state machine with one client that numbers its commands, one command per batch unless told otherwise.</summary>
internal sealed class Machine
{
    public const ulong Client = 7;
    private long _slot;
    private long _number;

    public Machine() => Apply(CommandCodec.Encode(Client, 0, 0, new OpenClientSessionCommand()));

    private Machine(Machine other, KvStateMachine state)
    {
        (State, Time, _slot, _number) = (state, other.Time, other._slot, other._number);
    }

    public KvStateMachine State { get; } = new();

    public KvView View => State.View;

    public TimeSpan Time { get; set; }

    public long NextSlot => _slot + 1;

    /// <summary>The same client at the same point of the log, on another state machine.</summary>
    public Machine On(KvStateMachine state) => new(this, state);

    public KvResult Run(KvCommand command) => RunAll([command])[0].Result;

    public IReadOnlyList<AppliedCommand> RunAll(IReadOnlyList<KvCommand> commands)
    {
        var encoded = new ReadOnlyMemory<byte>[commands.Count];
        for (var i = 0; i < encoded.Length; i++)
        {
            var number = ++_number;
            encoded[i] = CommandCodec.Encode(Client, number, number - 10, commands[i]);
        }

        return Apply(encoded);
    }

    /// <summary>Asks for the last requests once more: any command will do, as it must not be applied.</summary>
    public IReadOnlyList<AppliedCommand> Repeat(int requests)
    {
        var first = Math.Max(1, _number - requests + 1);
        var again = new List<ReadOnlyMemory<byte>>();
        for (var number = first; number <= _number; number++) again.Add(CommandCodec.Encode(Client, number, 0, new LeaseGrantCommand(0, 1)));
        return Apply([.. again]);
    }

    public IReadOnlyList<AppliedCommand> Apply(params ReadOnlyMemory<byte>[] commands) =>
        State.Apply(new LogBatch(++_slot, 1, Time, 1_000 + _slot, commands));

    public void Tick(double seconds)
    {
        Time += TimeSpan.FromSeconds(seconds);
        Apply();
    }

    public WriteResult Put(string key, string value, long lease = 0) =>
        (WriteResult)Run(new WriteCommand(new PutOp(Bytes.Of(key), Bytes.Of(value)) { Lease = lease }));

    public WriteResult Delete(string key) => (WriteResult)Run(new WriteCommand(new DeleteRangeOp(KeyRange.SingleKey(Bytes.Of(key)))));

    public RangeResult Get(string key, long revision = 0) =>
        View.Range(new RangeOp(KeyRange.SingleKey(Bytes.Of(key))) { Revision = revision });

    public RangeResult All(long revision = 0) => View.Range(new RangeOp(Bytes.Everything) { Revision = revision });
}

internal static class Bytes
{
    /// <summary>A view's snapshot in one piece.</summary>
    public static byte[] Snapshot(KvView view, int chunkBytes = 1000)
    {
        var bytes = new List<byte>();
        foreach (var chunk in KvSnapshot.Write(view, chunkBytes)) bytes.AddRange(chunk.Span);
        return [.. bytes];
    }

    public static KvStateMachine Restore(ReadOnlySpan<byte> snapshot, int pieces = 4096)
    {
        using var reader = new KvSnapshotReader();
        for (; !snapshot.IsEmpty; snapshot = snapshot[Math.Min(pieces, snapshot.Length)..]) reader.Add(snapshot[..Math.Min(pieces, snapshot.Length)]);
        return reader.Complete();
    }

    public static string Digest(KvView view) => Convert.ToHexString(view.ComputeDigest());

    public static KeyRange Everything { get; } = new(new byte[] { 0 }, ReadOnlyMemory<byte>.Empty);

    public static ReadOnlyMemory<byte> Of(string text) => Encoding.Latin1.GetBytes(text);

    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.Latin1.GetString(bytes.Span);

    public static KeyRange Range(string start, string end) => new(Of(start), Of(end));

    public static string Hex(KvOpResult result) => Convert.ToHexString(CommandCodec.EncodeOpResult(result));

    public static string Hex(KvResult result) => Convert.ToHexString(CommandCodec.EncodeResult(result));

    public static string Hex(IReadOnlyList<KvEvent> events) => Convert.ToHexString(CommandCodec.EncodeEvents(events));
}
