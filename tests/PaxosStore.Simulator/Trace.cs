using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>What happened, as a hash (always) and as lines (when asked for).</summary>
internal sealed class Trace(Action<string>? line = null)
{
    /// <summary>Covers everything of note in the run; equal runs have equal hashes.</summary>
    public ulong Hash { get; private set; } = 14695981039346656037;

    public void Delivered(long now, Event e, Message message)
    {
        Mix((ulong)now, (ulong)((e.Node * 64) + (e.From * 4) + (int)e.Role), Digest(message));
        line?.Invoke($"{now,9} n{e.Node + 1}.{e.Role,-8} <- n{e.From + 1}  {Describe(message)}");
    }

    public void Applied(long now, int node, ChosenValue chosen, ulong chain)
    {
        Mix((ulong)now, (ulong)node, chain);
        line?.Invoke($"{now,9} n{node + 1} applies {chosen.Slot} {chosen.Value} logtime {chosen.Value.LogTime.TotalMicroseconds:F0}");
    }

    public void Durable(long now, int node, JournalRecord record) => line?.Invoke($"{now,9} n{node + 1} has on disk {record}");

    public void Note(long now, int node, [System.Runtime.CompilerServices.InterpolatedStringHandlerArgument("")] TraceText text)
    {
        Mix((ulong)now, (ulong)(node + 1000), 7);
        line?.Invoke($"{now,9} {(node < 0 ? "all" : $"n{node + 1}")} {text.ToString()}");
    }

    public void Note(long now, int node, string text)
    {
        Mix((ulong)now, (ulong)(node + 1000), 7);
        line?.Invoke($"{now,9} {(node < 0 ? "all" : $"n{node + 1}")} {text}");
    }

    internal bool Wanted => line is not null;

    private void Mix(ulong a, ulong b, ulong c)
    {
        var h = (Hash ^ a) * 1099511628211;
        h = (h ^ b) * 1099511628211;
        Hash = ((h ^ c) * 1099511628211) ^ (h >> 31);
    }

    private static ulong Digest(Message message) => message switch
    {
        Prepare m => Of(1, m.Ballot, m.Held.Number),
        Promise m => Of(2, m.Ballot, m.Chosen.Number + (m.Entries.Length * 1000)),
        PrepareRejected m => Of(3, m.Promised, 0),
        Accept m => Of(4, m.Ballot, m.First.Number + (m.Values.Length * 1000)),
        Accepted m => Of(5, m.Ballot, m.First.Number + (m.Count * 1000)),
        AcceptRejected m => Of(6, m.Promised, 0),
        Confirm m => Of(7, m.Ballot, m.Number),
        Confirmed m => Of(8, m.Ballot, m.Number),
        ConfirmRejected m => Of(9, m.Promised, 0),
        ChosenUpTo m => Of(10, m.Ballot, m.Chosen.Number),
        Probe m => Of(11, default, m.Number),
        ProbeAnswer m => Of(12, default, m.Number + (m.Granted ? 1000 : 0)),
        Fetch m => Of(13, default, m.From.Number),
        Entries m => Of(14, default, m.First.Number + (m.Values.Length * 1000)),
        LocallyAccepted m => Of(15, m.Ballot, m.First.Number),
        Learned m => Of(16, default, m.Through.Number),
        LeaderSeen m => Of(17, m.Ballot, 0),
        Propose m => Of(18, default, m.Batch),
        ReadBarrierRequest m => Of(19, default, m.Number),
        ReadBarrier m => Of(20, default, m.Number + (m.Slot.Number * 1000)),
        Truncated m => Of(22, default, m.Base.Number),
        SnapshotRequest m => Of(23, default, m.Index + (m.Slot.Number * 1000)),
        SnapshotPiece m => Of(24, default, m.Index + (m.Base.Through.Number * 1000)),
        SnapshotGone m => Of(25, default, m.Slot.Number),
        Hello m => Of(26, default, (long)m.Incarnation),
        Welcome m => Of(27, m.Promised, m.Last.Number),
        NotMember m => Of(28, default, m.Version),
        TakeOver m => Of(29, m.Ballot, 0),
        Truncate m => Of(30, default, m.Base.Through.Number),
        Installed m => Of(31, default, m.Base.Through.Number),
        Configured m => Of(32, default, m.Governing[^1].Configuration.Version),
        Reconfigure m => Of(33, default, m.Number),
        ReconfigureRejected m => Of(34, default, m.Number),
        _ => 21,
    };

    private static ulong Of(ulong kind, Ballot ballot, long number) =>
        (kind * 0x9E3779B97F4A7C15) ^ ((ulong)ballot.Round << 32) ^ (ballot.Node.Value << 24) ^ (ulong)number;

    internal static string Describe(Message message) => message switch
    {
        Promise m => $"Promise {m.Ballot} chosen {m.Chosen} [{string.Join(", ", m.Entries.Select(e => $"{e.Slot} {e.Ballot} {e.Value}"))}]",
        Accept m => $"Accept {m.Ballot} from {m.First} [{string.Join(", ", m.Values)}] chosen {m.Chosen}",
        LocallyAccepted m => $"LocallyAccepted {m.Ballot} from {m.First} x{m.Values.Length} chosen {m.Chosen}",
        Entries m => $"Entries from {m.First} x{m.Values.Length} chosen {m.Chosen}",
        Learned m => $"Learned through {m.Through}, {m.Missing.Length} missing",
        Propose m => $"Propose {m.Batch} x{m.Commands.Length}",
        Configured m => $"Configured {string.Join(", ", m.Governing)}",
        SnapshotPiece m => $"SnapshotPiece {m.Index + 1}/{m.Count} of {m.Base.Through}",
        Installed m => $"Installed {m.Base.Through}",
        Truncate m => $"Truncate {m.Base.Through}",
        _ => message.ToString(),
    };
}

/// <summary>Text of a trace line; not even put together when nobody reads it.</summary>
[System.Runtime.CompilerServices.InterpolatedStringHandler]
internal readonly ref struct TraceText
{
    private readonly System.Text.StringBuilder? _text;

    public TraceText(int literalLength, int formattedCount, Trace trace, out bool wanted)
    {
        wanted = trace.Wanted;
        _text = wanted ? new System.Text.StringBuilder(literalLength + (formattedCount * 8)) : null;
    }

    public void AppendLiteral(string text) => _text!.Append(text);

    public void AppendFormatted<T>(T value) => _text!.Append(value);

    public override string ToString() => _text?.ToString() ?? "";
}
