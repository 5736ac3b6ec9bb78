using System.Globalization;
using System.Text;

namespace PaxosStore.Consensus.Tests;

/// <summary>Steps about members and snapshots, and the words everything is printed in.</summary>
internal sealed partial class Script
{
    private PaxosOptions Alpha(int slots)
    {
        _alpha = slots;
        return _options;
    }

    private PaxosOptions Fresh(int yes)
    {
        _fresh = yes != 0;
        return _options;
    }

    /// <summary>Members as <c>n4:candidate</c>; the successor of what the asked node knows.</summary>
    private void Change(Node asked, string[] members)
    {
        var newest = asked.Learner.Governing[^1].Configuration;
        var next = newest.With(members.Select(m => m.Split(':')).Select(m => new Member(IdOf(m[0]), Enum.Parse<MemberKind>(m[1], ignoreCase: true))), change: (ulong)++_number);
        Into(asked, asked.Id, Role.Proposer, new Reconfigure(_number, next));
    }

    private static NodeId IdOf(string name) => new(ulong.Parse(name[1..], CultureInfo.InvariantCulture));

    private void Join(string name, Node teller)
    {
        var told = new LogBase(Slot.Zero, TimeSpan.Zero, teller.Learner.Governing);
        Start(_nodes[IdOf(name).Value] = new Node(IdOf(name), told, told.Configurations[^1].Configuration.Version, admitted: false));
    }

    private void TakeSnapshot(Node node)
    {
        node.Snapshot = node.Learner.Base;
        _out.AppendLine($"    n{node.Id} has a snapshot of {node.Snapshot.Through}");
        Into(node, node.Id, Role.Acceptor, new Truncate(node.Snapshot));
    }

    /// <summary>The driver's part: snapshots of two pieces, stored at once.</summary>
    private bool MovesSnapshots(Node node, NodeId from, Message message)
    {
        switch (message)
        {
            case SnapshotRequest m:
                Message answer = node.Snapshot is { } snapshot && snapshot.Through > m.Above ? new SnapshotPiece(snapshot, 2, m.Index, default, default) : new SnapshotGone(m.Slot);
                _waiting.Add((node.Id, new Outgoing(from, Role.Learner, answer)));
                return true;
            case SnapshotPiece m:
                if (!node.Learner.Awaits(from, m)) return true;
                CarryOut(node, node.Learner.Stored(m, _now));
                if (m.Index + 1 < m.Count) return true;
                node.Snapshot = m.Base;
                _out.AppendLine($"    n{node.Id} has a snapshot of {m.Base.Through} and installs it");
                CarryOut(node, node.Learner.Install(m.Base, _now));
                return true;
            default:
                return false;
        }
    }

    private static string Text(Value value) => value.IsNoOp ? $"NoOp@{value.Round}"
        : value.Next is { } next ? $"{next}@{value.Round}"
        : $"[{string.Join(' ', value.Commands.Select(c => Encoding.UTF8.GetString(c.Span)))}]@{value.Round}";

    private static string Text(AcceptedEntry e, Slot chosen) => $"{e.Slot} {(e.Slot <= chosen ? "chosen" : e.Ballot)} {Text(e.Value)}";

    private static string Text(JournalRecord record) => record switch
    {
        PromiseRecord r => $"promise {r.Ballot}",
        AcceptRecord r => $"vote {r.Ballot} {r.Slot} {Text(r.Value)}",
        LearnRecord r => $"learn {r.Slot} {Text(r.Value)}",
        ChosenRecord r => $"chosen {r.Chosen}",
        BaseRecord r => $"base {r.Base.Through} promised {r.Promised} chosen {r.Chosen}",
        MetRecord r => $"met n{r.Node} as {r.Incarnation}",
        AdmittedRecord => "admitted",
        _ => record.ToString(),
    };

    private static string Text(Message message) => message switch
    {
        Prepare m => $"Prepare {m.Ballot}",
        Promise m => $"Promise {m.Ballot} chosen {m.Chosen} [{string.Join(", ", m.Entries.Select(e => Text(e, m.Chosen)))}]",
        PrepareRejected m => $"PrepareRejected {m.Ballot} promised {m.Promised}",
        Accept m => $"Accept {m.Ballot} {m.First} {string.Join(' ', m.Values.Select(Text))} chosen {m.Chosen}",
        Accepted m => $"Accepted {m.Ballot} {m.First}{(m.Count > 1 ? $"..{m.First + (m.Count - 1)}" : "")}",
        AcceptRejected m => $"AcceptRejected {m.Ballot} promised {m.Promised}",
        Confirm m => $"Confirm {m.Ballot} number {m.Number} chosen {m.Chosen}",
        Confirmed m => $"Confirmed {m.Ballot} number {m.Number}",
        ConfirmRejected m => $"ConfirmRejected {m.Ballot} promised {m.Promised}",
        ChosenUpTo m => $"ChosenUpTo {m.Ballot} {m.Chosen}",
        Probe m => $"Probe {m.Number}",
        ProbeAnswer m => $"ProbeAnswer {m.Number} {(m.Granted ? "granted" : "refused")} round {m.Round}",
        Fetch m => $"Fetch from {m.From}",
        Truncated m => $"Truncated through {m.Base} chosen {m.Chosen}",
        SnapshotRequest m => $"SnapshotRequest above {m.Above} piece {m.Index}",
        SnapshotPiece m => $"SnapshotPiece {m.Index + 1}/{m.Count} of {m.Base.Through}",
        SnapshotGone m => $"SnapshotGone {m.Slot}",
        Hello m => $"Hello incarnation {m.Incarnation}{(m.Forgetful ? " forgetful" : "")}",
        Welcome m => $"Welcome incarnation {m.Incarnation} promised {m.Promised} last {m.Last}",
        AdmissionDurable => "AdmissionDurable",
        NotMember m => $"NotMember v{m.Version}",
        TakeOver m => $"TakeOver {m.Ballot}",
        HandOver m => $"HandOver{(m.To is { } to ? $" to n{to}" : "")}",
        Truncate m => $"Truncate {m.Base.Through}",
        Installed m => $"Installed {m.Base.Through}",
        Configured m => $"Configured {string.Join(", ", m.Governing.Select(g => $"{g.Configuration} from {g.From}"))}",
        Reconfigure m => $"Reconfigure {m.Number} {m.Next}",
        ReconfigureRejected m => $"ReconfigureRejected {m.Number} {m.Reason}",
        Entries m => $"Entries {m.First} {string.Join(' ', m.Values.Select(Text))} chosen {m.Chosen}",
        LocallyAccepted m => $"LocallyAccepted {m.Ballot} {m.First} {string.Join(' ', m.Values.Select(Text))} chosen {m.Chosen}",
        Learned m => $"Learned {m.Through}{(m.Missing.IsEmpty ? "" : $" missing {m.Missing.Length}")}",
        LeaderSeen m => $"LeaderSeen {m.Ballot}",
        Propose m => $"Propose {m.Batch} x{m.Commands.Length}",
        ProposeRejected m => $"ProposeRejected {m.Batch} {m.Reason}",
        ReadBarrierRequest m => $"ReadBarrierRequest {m.Number}",
        ReadBarrier m => $"ReadBarrier {m.Number} {m.Slot}",
        ReadBarrierRejected m => $"ReadBarrierRejected {m.Number} {m.Reason}",
        _ => message.ToString(),
    };
}
