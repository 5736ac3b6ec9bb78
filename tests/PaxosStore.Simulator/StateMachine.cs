using System.Buffers.Binary;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The replicated state machine: per client the last request and its slot, and a hash chain over everything applied.</summary>
internal sealed class StateMachine(int clients, int snapshotEvery, Defects defects) : INodeState
{
    private const int SessionBytes = sizeof(int) + sizeof(long);

    private readonly (int Request, long Slot)[] _sessions = new (int, long)[clients];

    /// <summary>Highest slot applied.</summary>
    public long Applied { get; private set; }

    /// <summary>Covers every slot and value applied.</summary>
    public ulong Chain { get; private set; }

    /// <summary>Covers the whole state.</summary>
    public ulong Digest
    {
        get
        {
            var digest = Hash(Chain, (ulong)Applied);
            foreach (var (request, slot) in _sessions) digest = Hash(Hash(digest, (ulong)request), (ulong)slot);
            return digest;
        }
    }

    public void Reset()
    {
        Array.Clear(_sessions);
        (Applied, Chain) = (0, 0);
    }

    public void Apply(ChosenValue chosen, Judge judge)
    {
        Begin(chosen);
        foreach (var bytes in chosen.Value.Commands)
        {
            var command = Command.Decode(bytes.Span);
            if (Apply(command)) judge.Effect(command.Client, command.Request, chosen.Slot.Number);
        }
    }

    public bool WantsSnapshot(int slots) => slots >= snapshotEvery;

    private void Begin(ChosenValue chosen)
    {
        if (chosen.Slot.Number != Applied + 1) throw new ViolationException("applied out of order", $"{chosen.Slot} after #{Applied}");
        Applied = chosen.Slot.Number;
        var value = chosen.Value;
        Chain = Hash(Hash(Hash(Chain, (ulong)Applied), (ulong)value.Round), (ulong)value.LogTime.Ticks);
        if (value.Next is { } next) Chain = Hash(Hash(Chain, (ulong)next.Version), next.Change);
    }

    /// <summary>Applies one command; true when it takes effect, false when it is a repeat.</summary>
    private bool Apply(Command command)
    {
        Chain = Hash(Chain, command.Word);
        ref var session = ref _sessions[command.Client];
        if (session.Request >= command.Request && !defects.NoSessionDedup) return false;
        session = (command.Request, Applied);
        return true;
    }

    /// <summary>Slot in which the client's last request took effect.</summary>
    public (int Request, long Slot) Session(int client) => _sessions[client];

    public Func<byte[]> Save()
    {
        var saved = Saved();
        return () => saved;
    }

    public void Install(byte[] saved) => Load(saved);

    public INodeState Read(byte[] saved)
    {
        var state = new StateMachine(clients, snapshotEvery, defects);
        state.Load(saved);
        return state;
    }

    private byte[] Saved()
    {
        var bytes = new byte[16 + (_sessions.Length * SessionBytes)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, Applied);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), Chain);
        for (var i = 0; i < _sessions.Length && !defects.SnapshotWithoutSessions; i++)
        {
            var at = bytes.AsSpan(16 + (i * SessionBytes));
            BinaryPrimitives.WriteInt32LittleEndian(at, _sessions[i].Request);
            BinaryPrimitives.WriteInt64LittleEndian(at[4..], _sessions[i].Slot);
        }

        return bytes;
    }

    /// <summary>The state that <see cref="Saved"/> wrote; what is missing at the end counts as zero.</summary>
    public void Load(byte[] saved)
    {
        var bytes = new byte[16 + (_sessions.Length * SessionBytes)];
        saved.AsSpan(0, Math.Min(saved.Length, bytes.Length)).CopyTo(bytes);
        Applied = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Chain = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8));
        for (var i = 0; i < _sessions.Length; i++)
        {
            var at = bytes.AsSpan(16 + (i * SessionBytes));
            _sessions[i] = (BinaryPrimitives.ReadInt32LittleEndian(at), BinaryPrimitives.ReadInt64LittleEndian(at[4..]));
        }
    }

    private static ulong Hash(ulong chain, ulong word) => (chain ^ word) * 0x9E3779B97F4A7C15 ^ (chain >> 29);
}
