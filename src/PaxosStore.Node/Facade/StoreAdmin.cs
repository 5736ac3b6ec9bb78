using PaxosStore.Consensus;
using PaxosStore.Node.Actors;

namespace PaxosStore.Node.Facade;

/// <summary>Members, leadership and backups of this node's cluster.</summary>
internal sealed class StoreAdmin(NodeContext node, PaxosKvStore store, NodeProgress progress, DataDirectory directory) : IStoreAdmin
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SnapshotPatience = TimeSpan.FromSeconds(3);

    public long QuotaBytes => node.Settings.QuotaBytes;

    public async ValueTask<MemberInfo> AddMemberAsync(string peerUrl, bool observer, CancellationToken cancellationToken)
    {
        var address = Address(peerUrl);
        var id = new NodeId(NodeIdentity.Draw() & long.MaxValue);
        await ChangeAsync(
            current =>
            {
                RequireFree(current, address, except: default);
                if (observer && current.Members.Count(m => m.Kind == MemberKind.Observer) >= node.Settings.MaxObservers) throw new KvException(KvErrorCode.TooManyObservers);
                return [.. current.Members, new Member(id, observer ? MemberKind.Observer : MemberKind.Candidate, address)];
            },
            cancellationToken).ConfigureAwait(false);
        return new MemberInfo(id.Value, "", [address], [], IsObserver: true);
    }

    public ValueTask RemoveMemberAsync(ulong id, CancellationToken cancellationToken) => ChangeAsync(
        current =>
        {
            var member = Find(current, id);
            if (current.Voters is [var last] && last == member.Id) throw new KvException(KvErrorCode.UnhealthyCluster);
            return current.Members.Where(m => m.Id != member.Id);
        },
        cancellationToken);

    public ValueTask UpdateMemberAsync(ulong id, string peerUrl, CancellationToken cancellationToken) => ChangeAsync(
        current =>
        {
            var member = Find(current, id);
            var address = Address(peerUrl);
            RequireFree(current, address, except: member.Id);
            return current.Members.Select(m => m.Id == member.Id ? m with { Address = address } : m);
        },
        cancellationToken);

    public ValueTask PromoteMemberAsync(ulong id, CancellationToken cancellationToken) => ChangeAsync(
        current =>
        {
            var member = Find(current, id);
            if (member.Kind == MemberKind.Voter) throw new KvException(KvErrorCode.MemberNotObserver);
            return current.Members.Select(m => m.Id == member.Id ? m with { Kind = MemberKind.Voter } : m);
        },
        cancellationToken);

    public async ValueTask MoveLeaderAsync(ulong target, CancellationToken cancellationToken)
    {
        if (progress.Leader != node.Self.Value) throw new KvException(KvErrorCode.NotLeader);
        if (!node.Newest.IsVoter(new NodeId(target))) throw new KvException(KvErrorCode.BadLeaderTarget);
        var deadline = node.Elapsed + node.Settings.RequestTimeout;
        for (var asked = TimeSpan.MinValue; progress.Leader != target; await Task.Delay(RetryAfter / 5, cancellationToken).ConfigureAwait(false))
        {
            if (node.Elapsed > deadline) throw new KvException(KvErrorCode.Timeout, KvOutcome.Unknown);
            if (progress.Leader != node.Self.Value || (asked != TimeSpan.MinValue && node.Elapsed - asked < node.Settings.ElectionTimeout)) continue;
            asked = node.Elapsed;
            node.Send(new Outgoing(node.Self, Role.Proposer, new HandOver(new NodeId(target))));
        }
    }

    // Whoever compacts, defragments and looks for the room expects to find it: what a snapshot that is being written still holds is waited for, but not for ever.
    public async ValueTask DefragmentAsync(CancellationToken cancellationToken)
    {
        var deadline = node.Elapsed + SnapshotPatience;
        while (progress.View.HoldsCompacted && node.Elapsed < deadline) await Task.Delay(RetryAfter / 5, cancellationToken).ConfigureAwait(false);
        await directory.GiveBackAsync(cancellationToken).ConfigureAwait(false);
    }

    public IStoreBackup OpenBackup() => new Backup(store.Pin());

    /// <summary>Makes the successor of the newest configuration and has it agreed on; made anew as long as others come first.</summary>
    private async ValueTask ChangeAsync(Func<Configuration, IEnumerable<Member>> change, CancellationToken cancellationToken)
    {
        var deadline = node.Elapsed + node.Settings.RequestTimeout;
        while (true)
        {
            await store.ReadAsync(ReadConsistency.Linearizable, cancellationToken).ConfigureAwait(false);
            var current = node.Newest;
            var outcome = await store.ChangeAsync(current.With(change(current), NodeIdentity.Draw()), cancellationToken).ConfigureAwait(false);
            switch (outcome)
            {
                case ChangeOutcome.Done: return;
                case ChangeOutcome.NotCaughtUp: throw new KvException(KvErrorCode.ObserverNotReady);
                case ChangeOutcome.TooFewAlive: throw new KvException(KvErrorCode.UnhealthyCluster);
            }

            if (node.Elapsed >= deadline) throw new KvException(KvErrorCode.ReconfigurationInProgress);
            await Task.Delay(RetryAfter, cancellationToken).ConfigureAwait(false);
        }
    }

    private static Member Find(Configuration configuration, ulong id) =>
        configuration.Find(new NodeId(id)) ?? throw new KvException(KvErrorCode.MemberNotFound);

    private static void RequireFree(Configuration configuration, string address, NodeId except)
    {
        if (configuration.Members.Any(m => m.Address == address && m.Id != except)) throw new KvException(KvErrorCode.PeerUrlExists);
    }

    private static string Address(string peerUrl) =>
        Uri.TryCreate(peerUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Port > 0
            ? NodeSettings.Text(url!)
            : throw new KvException(KvErrorCode.InvalidPeerUrl);

    private sealed class Backup(KvPin pin) : IStoreBackup
    {
        public long EstimatedBytes => pin.View.HistoryBytes;

        public long Revision => pin.View.Revision;

        public IEnumerable<ReadOnlyMemory<byte>> Chunks() => KvSnapshot.Write(pin.View);

        public void Dispose() => pin.Dispose();
    }
}
