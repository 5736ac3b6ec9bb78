using PaxosStore.Kv;

namespace PaxosStore.Testing;

/// <summary>Members that never start, with the rules of a cluster of one started voter and room for one observer.</summary>
public sealed partial class InMemoryKvStore
{
    private ulong nextId = 0x100;

    /// <summary>The members this node claims.</summary>
    public IReadOnlyList<MemberInfo> Members { get; set; } =
        [new MemberInfo(Self, "one", ["http://127.0.0.1:2380"], ["http://127.0.0.1:2379"], false)];

    /// <inheritdoc/>
    public long QuotaBytes { get; set; }

    /// <summary>How often free space was given back.</summary>
    public int Defragmentations { get; private set; }

    /// <summary>When set, it stands for the node's backup.</summary>
    public Func<IStoreBackup>? Backup { get; set; }

    /// <inheritdoc/>
    public async ValueTask<MemberInfo> AddMemberAsync(string peerUrl, bool observer, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        lock (gate)
        {
            RequireFree(peerUrl);
            if (Members.Any(m => m.IsObserver)) throw new KvException(KvErrorCode.TooManyObservers);
            var member = new MemberInfo(nextId++, "", [peerUrl], [], true);
            Members = [.. Members, member];
            return member;
        }
    }

    /// <inheritdoc/>
    public async ValueTask RemoveMemberAsync(ulong id, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        lock (gate)
        {
            if (!Find(id).IsObserver && Members.Count(m => !m.IsObserver && m.Name.Length > 0) < 2) throw new KvException(KvErrorCode.UnhealthyCluster);
            Members = [.. Members.Where(m => m.Id != id)];
        }
    }

    /// <inheritdoc/>
    public async ValueTask UpdateMemberAsync(ulong id, string peerUrl, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        lock (gate)
        {
            var member = Find(id);
            if (member.PeerUrls[0] != peerUrl) RequireFree(peerUrl);
            Members = [.. Members.Select(m => m.Id == id ? m with { PeerUrls = [peerUrl] } : m)];
        }
    }

    /// <inheritdoc/>
    public async ValueTask PromoteMemberAsync(ulong id, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        lock (gate)
        {
            var member = Find(id);
            if (!member.IsObserver) throw new KvException(KvErrorCode.MemberNotObserver);
            if (member.Name.Length == 0) throw new KvException(KvErrorCode.ObserverNotReady);
            Members = [.. Members.Select(m => m.Id == id ? m with { IsObserver = false } : m)];
        }
    }

    /// <inheritdoc/>
    public async ValueTask MoveLeaderAsync(ulong target, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        if (LeaderId != Self) throw new KvException(KvErrorCode.NotLeader);
        if (!Members.Any(m => m.Id == target && !m.IsObserver)) throw new KvException(KvErrorCode.BadLeaderTarget);
        LeaderId = target;
    }

    /// <inheritdoc/>
    public async ValueTask DefragmentAsync(CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        Defragmentations++;
    }

    /// <inheritdoc/>
    public IStoreBackup OpenBackup() => Backup?.Invoke() ?? new StateBackup(machine.PinView());

    private MemberInfo Find(ulong id) => Members.FirstOrDefault(m => m.Id == id) ?? throw new KvException(KvErrorCode.MemberNotFound);

    private void RequireFree(string peerUrl)
    {
        if (Members.Any(m => m.PeerUrls.Contains(peerUrl))) throw new KvException(KvErrorCode.PeerUrlExists);
    }

    private sealed class StateBackup(KvPin pin) : IStoreBackup
    {
        public long EstimatedBytes => pin.View.DataBytes + 4096;

        public long Revision => pin.View.Revision;

        public IEnumerable<ReadOnlyMemory<byte>> Chunks() => KvSnapshot.Write(pin.View);

        public void Dispose() => pin.Dispose();
    }
}
