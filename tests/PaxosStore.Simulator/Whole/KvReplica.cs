using PaxosStore.Consensus;
using PaxosStore.Kv;
using PaxosStore.Node.Actors;

namespace PaxosStore.Simulator.Whole;

/// <summary>
/// The real state machine of one node, driven as the node's learner drives it: batches, snapshots written beside the apply, states installed under open watches.
/// </summary>
internal sealed class KvReplica(SimNode node, Plan plan, Defects defects) : INodeState
{
    // Small, so that a snapshot in the making is overtaken by many batches.
    private const int ChunkBytes = 512;
    private const int LeastLogBytes = 2_000;

    // Walking the whole state costs more than all the rest: every so many slots it is walked, and only there snapshots are made.
    private const int DigestEvery = 4;

    private SnapshotTrigger _trigger = null!;
    private IEnumerator<ReadOnlyMemory<byte>>? _writing;
    private List<byte>? _written;
    private ulong? _digest;
    private ulong _term;

    public KvStateMachine Machine { get; private set; } = new();

    /// <summary>What became of the commands of the last slot.</summary>
    public IReadOnlyList<AppliedCommand> LastApplied { get; private set; } = [];

    public long Applied => Machine.View.AppliedSlot;

    public ulong Chain => (ulong)Machine.View.Checksum;

    public ulong Digest => _digest ??= Applied % DigestEvery == 0 ? BitConverter.ToUInt64(Machine.View.ComputeDigest()) : Chain;

    public void Reset()
    {
        (Machine, _trigger) = (new KvStateMachine(), new SnapshotTrigger(plan.Extras.SnapshotEvery, 0, LeastLogBytes));
        (_writing, _written, _digest, _term, LastApplied) = (null, null, null, 0, []);
    }

    public void Apply(ChosenValue chosen, Judge judge)
    {
        var (slot, value, _) = chosen;
        var batch = new LogBatch(slot.Number, (ulong)value.Round, value.LogTime, value.WallClock, value.Commands);
        if (defects.Whole != WholeDefect.None) batch = Tampering.WithBatch(defects.Whole, batch, node.Index, ref _term);
        try
        {
            LastApplied = Machine.Apply(batch);
        }
        catch (InvalidOperationException x)
        {
            throw new ViolationException("applied out of order", $"n{node.Index + 1}: {x.Message}");
        }

        _digest = null;
        _trigger.Applied(value.Size);
        WriteOn();
    }

    public bool WantsSnapshot(int slots) => Applied % DigestEvery == 0 && _trigger.Due(Machine.View.HistoryBytes);

    public Func<byte[]> Save()
    {
        _trigger.Begun();
        var pin = Machine.PinView();
        var (writing, written) = (KvSnapshot.Write(pin.View, ChunkBytes).GetEnumerator(), new List<byte>());
        (_writing, _written) = (writing, written);
        return () =>
        {
            while (writing.MoveNext()) written.AddRange(writing.Current.Span);
            pin.Dispose();
            _writing = null;
            _trigger.Taken(written.Count);
            return Tampering.WithSnapshot(defects.Whole, [.. written]);
        };
    }

    /// <summary>The writing of a snapshot goes on beside the apply.</summary>
    private void WriteOn()
    {
        if (_writing is { } writing && writing.MoveNext()) _written!.AddRange(writing.Current.Span);
    }

    public void Load(byte[] saved)
    {
        (Machine, _digest) = (StateIn(saved), null);
        _trigger = new SnapshotTrigger(plan.Extras.SnapshotEvery, saved.Length, LeastLogBytes);
    }

    public void Install(byte[] saved)
    {
        if (defects.Whole == WholeDefect.InstallLeavesWatchesBehind) Machine = StateIn(saved);
        else Machine.Install(StateIn(saved));
        _digest = null;
        _trigger.Taken(saved.Length);
    }

    public INodeState Read(byte[] saved)
    {
        var other = new KvReplica(node, plan, defects);
        other.Load(saved);
        return other;
    }

    private static KvStateMachine StateIn(byte[] saved)
    {
        using var reader = new KvSnapshotReader();
        try
        {
            reader.Add(saved);
            return reader.Complete();
        }
        catch (FormatException x)
        {
            throw new ViolationException("snapshot can't be read", x.Message);
        }
    }
}
