using System.Collections.Immutable;
using Akka.Actor;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Startup;

/// <summary>Everything the roles start from.</summary>
/// <param name="Identity">Who the node is.</param>
/// <param name="Acceptor">Its memory, the journal taken in.</param>
/// <param name="First">What must be in the journal before anything else.</param>
/// <param name="Learner">Where the learner starts.</param>
/// <param name="State">State there; null = none yet.</param>
/// <param name="Snapshots">Snapshots on disk, newest first.</param>
internal sealed record Prepared(
    NodeIdentity Identity, Acceptor Acceptor, ImmutableArray<JournalRecord> First, LearnerStart Learner, KvStateMachine? State, IReadOnlyList<SnapshotManifest> Snapshots);

/// <summary>What could be read of a journal that was damaged and set aside.</summary>
/// <param name="Identity">Whose it was.</param>
/// <param name="Base">The last base in it, or null.</param>
internal sealed record RescuedJournal(NodeIdentity Identity, LogBase? Base);

/// <summary>
/// Finds out who the node is and what it starts from: its journal and snapshots; or, with a fresh journal, a new cluster, one that exists, or a backup.
/// </summary>
internal sealed class NodeStart(NodeContext node, SnapshotVault vault, StartMarkers markers, RescuedJournal? rescued, ILogger log)
{
    private NodeSettings Settings => node.Settings;

    /// <exception cref="NodeStartupException">The node can't start; the message says why and what to do.</exception>
    public async Task<Prepared> RunAsync(JournalReplayed journal, CancellationToken cancellation)
    {
        var (newest, sound) = await StateLoader.LoadAsync(vault, log, cancellation).ConfigureAwait(false);
        if (journal.Identity is { } record)
        {
            var prepared = Resume(NodeIdentity.From(record), record, journal.Records, newest, sound);
            return markers.Recover ? await FoundFromAsync(prepared, newest, cancellation).ConfigureAwait(false) : prepared;
        }

        if (rescued is not null) return Rehabilitate(rescued, newest, sound);
        // A start from a backup that was cut short begins anew: its snapshot is written again, the same.
        if (markers.Restore is var (file, bump)) return await FromBackupAsync(file, bump, cancellation).ConfigureAwait(false);
        if (sound.Count > 0) throw new NodeStartupException(NodeFailures.JournalLost(node).Reason);
        if (markers.Recover) throw new NodeStartupException($"{Settings.DataDirectory} is to become a new cluster, but holds no journal: run 'paxosctl recover' on the directory of a member that survived");
        if (Settings.ClusterState == ClusterState.Existing) return await JoinAsync(cancellation).ConfigureAwait(false);
        return Fresh(node.Identity, LogBase.Initial(NodeIdentity.FirstConfiguration(Settings)));
    }

    // A node that has been here before.

    private Prepared Resume(
        NodeIdentity identity, IdentityRecord record, IReadOnlyList<JournalRecord> records, LoadedState? newest, List<SnapshotManifest> sound)
    {
        var start = records.OfType<BaseRecord>().LastOrDefault()?.Base ?? LogBase.Initial(NodeIdentity.FirstConfiguration(Settings));
        // Once its members have changed a cluster is not what any flags say; of the last change this node may know no more than that it voted for it.
        var asFormed = start.Configurations is [{ Configuration.Version: 0 }]
            && !records.Any(r => r is AcceptRecord { Value.Next: not null } or LearnRecord { Value.Next: not null });
        if (asFormed && Settings.ClusterState == ClusterState.New && identity.ClusterId != Settings.ClusterId)
        {
            throw new NodeStartupException(NodeFailures.AnotherNodes(node, identity, record.Name).Reason);
        }

        node.Become(identity);
        var joined = start.Configurations[^1].Configuration.Version > 0;
        var acceptor = new Acceptor(identity.Self, start, Settings.Paxos, identity.Incarnation, identity.Forgetful, joined, NodeIdentity.Draw());
        // Journals of earlier versions know nothing of admission; their nodes have voted.
        acceptor.Recover(record.Incarnation == 0 ? [.. records, new AdmittedRecord()] : records);
        return Assemble(identity, acceptor, [], start, newest, sound);
    }

    private Prepared Assemble(
        NodeIdentity identity, Acceptor acceptor, ImmutableArray<JournalRecord> first, LogBase start, LoadedState? newest, List<SnapshotManifest> sound)
    {
        var snapshot = newest is null ? null : SnapshotActor.BaseOf(newest.Manifest);
        if (snapshot is not null && snapshot.Through > acceptor.Chosen)
        {
            // The snapshot was whole, but the node died before its journal said so.
            first = [.. first, .. acceptor.Step(identity.Self, new Installed(snapshot), node.Elapsed).Records];
        }

        if (snapshot is not null && snapshot.Through >= acceptor.Base)
        {
            var learner = new LearnerStart(snapshot, [.. acceptor.RecoveredLog(snapshot.Through)], acceptor.Configurations[^1].Configuration.Version, newest!.Manifest.Bytes);
            return new Prepared(identity, acceptor, first, learner, newest.State, sound);
        }

        if (acceptor.Base == start.Through && start.Through == Slot.Zero)
        {
            return new Prepared(identity, acceptor, first, new LearnerStart(start, [.. acceptor.RecoveredLog(Slot.Zero)], acceptor.Configurations[^1].Configuration.Version), null, sound);
        }

        // The log begins after what no sound snapshot covers: the state must come from a peer.
        if (acceptor.Configurations is [{ Configuration.Nodes: [_] }])
        {
            throw new NodeStartupException(
                $"all snapshots in {Settings.DataDirectory} are damaged, and no other member holds the data: restore a backup into an empty directory (paxosctl snapshot restore)");
        }

        return new Prepared(identity, acceptor, first, new LearnerStart(
            new LogBase(Slot.Zero, TimeSpan.Zero, acceptor.Configurations), [.. acceptor.RecoveredLog(Slot.Zero)], acceptor.Configurations[^1].Configuration.Version), null, sound);
    }

    /// <summary>The journal was damaged: the node knows who it is, and asks the others what it may have voted for.</summary>
    private Prepared Rehabilitate(RescuedJournal journal, LoadedState? newest, List<SnapshotManifest> sound)
    {
        var identity = journal.Identity with { Forgetful = true };
        var start = newest is not null ? SnapshotActor.BaseOf(newest.Manifest)
            : new LogBase(Slot.Zero, TimeSpan.Zero, journal.Base?.Configurations ?? LogBase.Initial(NodeIdentity.FirstConfiguration(Settings)).Configurations);
        if (start.Configurations[^1].Configuration.Voters.All(v => v == identity.Self))
        {
            throw new NodeStartupException(
                $"the journal in {Settings.DataDirectory} is damaged, and no other member holds what is lost: restore a backup into an empty directory (paxosctl snapshot restore)");
        }

        node.Become(identity);
        var acceptor = new Acceptor(identity.Self, start, Settings.Paxos, identity.Incarnation, forgetful: true, life: NodeIdentity.Draw());
        return Assemble(identity, acceptor, [new BaseRecord(start, Ballot.None, start.Through, [])], start, newest, sound);
    }

    // A node that has never been here.

    private Prepared Fresh(NodeIdentity identity, LogBase start, KvStateMachine? state = null, SnapshotManifest? manifest = null, bool joined = false)
    {
        node.Become(identity);
        var acceptor = new Acceptor(identity.Self, start, Settings.Paxos, identity.Incarnation, forgetful: false, joined, NodeIdentity.Draw());
        return new Prepared(identity, acceptor, [new BaseRecord(start, Ballot.None, start.Through, [])], new LearnerStart(start, [], start.Configurations[^1].Configuration.Version, manifest?.Bytes ?? 0), state, manifest is null ? [] : [manifest]);
    }

    private async Task<Prepared> FromBackupAsync(string file, long revisionBump, CancellationToken cancellation)
    {
        var state = await ReadBackupAsync(file, new RestoreOptions(revisionBump), cancellation).ConfigureAwait(false);
        var through = new Slot(state.View.AppliedSlot);
        var start = new LogBase(through, state.View.LogTime, [new Governing(through.Next, NodeIdentity.FirstConfiguration(Settings))]);
        var manifest = await SnapshotActor.WriteAsync(vault, state.PinView(), start, cancellation).ConfigureAwait(false);
        log.NewCluster($"beginning a new cluster from a backup: slot={through.Number} revision={state.View.Revision}");
        return Fresh(node.Identity, start, state, manifest);
    }

    private static async Task<KvStateMachine> ReadBackupAsync(string file, RestoreOptions options, CancellationToken cancellation)
    {
        try
        {
            using var reader = new KvSnapshotReader(padded: true);
            var buffer = new byte[256 << 10];
            await using var stream = File.OpenRead(file);
            while (await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false) is > 0 and var read) reader.Add(buffer.AsSpan(0, read));
            return reader.Complete(options);
        }
        catch (Exception e) when (e is FormatException or IOException)
        {
            throw new NodeStartupException($"the backup {file} can't be used: {e.Message}");
        }
    }

    /// <summary>The members have been told of this node; they tell it who it is.</summary>
    private async Task<Prepared> JoinAsync(CancellationToken cancellation)
    {
        var request = new JoinRequest(Settings.ClusterToken, NodeSettings.Text(Settings.AdvertisePeerUrl), node.Identity.Incarnation);
        var peers = Settings.InitialCluster.Values.Where(url => url != Settings.AdvertisePeerUrl).ToArray();
        if (peers.Length == 0) throw new NodeStartupException("initial-cluster-state is 'existing', but initial-cluster names no other member to ask: add name=url of a member that runs");
        for (var round = 1; ; round++)
        {
            var refusal = "";
            foreach (var peer in peers)
            {
                if (await AskAsync(peer, request).ConfigureAwait(false) is not { } answer) continue;
                if (answer is { Base: { } start, Refusal: "" })
                {
                    return Fresh(new NodeIdentity(answer.ClusterId, new NodeId(answer.MemberId), request.Incarnation), start, joined: true);
                }

                refusal = answer.Refusal;
            }

            // A member that is behind may not have heard of this node yet: it is believed when it says so again.
            if (refusal.Length > 0 && round >= 5) throw new NodeStartupException(refusal);
            if (round % 5 == 1) log.Joining(refusal.Length > 0 ? refusal : $"no answer yet from {string.Join(", ", peers.Select(p => p.Authority))}");
            await Task.Delay(TimeSpan.FromMilliseconds(500), cancellation).ConfigureAwait(false);
        }
    }

    private async Task<JoinAnswer?> AskAsync(Uri peer, JoinRequest request)
    {
        try
        {
            return await node.RootAt(peer).Ask<JoinAnswer>(request, TimeSpan.FromSeconds(1)).ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }

    // A new cluster out of what one member has.

    /// <summary>
    /// The majority is lost: this node's state, with what it voted for and never heard to be chosen, becomes a new cluster of one. Its revision jumps, for the
    /// lost members may have told clients of later ones.
    /// </summary>
    private async Task<Prepared> FoundFromAsync(Prepared old, LoadedState? loaded, CancellationToken cancellation)
    {
        if (old.Learner.Base.Through < old.Acceptor.Base) throw new NodeStartupException($"{Settings.DataDirectory} can't become a new cluster: its snapshots are damaged");
        var state = loaded is not null && old.State is not null ? old.State : new KvStateMachine();
        foreach (var message in old.Learner.Log)
        {
            var (first, values) = message switch
            {
                Entries m => (m.First, m.Values),
                LocallyAccepted m => (m.First, m.Values),
                _ => (Slot.Zero, []),
            };
            for (var i = 0; i < values.Length && first.Number + i == state.View.AppliedSlot + 1; i++)
            {
                var value = values[i];
                state.Apply(new LogBatch(first.Number + i, (ulong)value.Round, value.LogTime, value.WallClock, value.Commands));
            }
        }

        var through = new Slot(state.View.AppliedSlot + 1);
        var renewed = Renew(state.View, new RestoreOptions(Slot: through.Number));
        var identity = new NodeIdentity(NodeIdentity.Draw() & long.MaxValue, new NodeId(NodeIdentity.Draw() & long.MaxValue), NodeIdentity.Draw());
        // Far from the old versions: an old vote for a change of members can't be its successor.
        var version = old.Acceptor.Configurations[^1].Configuration.Version + 1_000;
        var alone = new Configuration(version, Configuration.UsualAlpha, [new Member(identity.Self, MemberKind.Voter, NodeSettings.Text(Settings.AdvertisePeerUrl))]);
        var start = new LogBase(through, renewed.View.LogTime, [new Governing(through.Next, alone)]);
        var manifest = await SnapshotActor.WriteAsync(vault, renewed.PinView(), start, cancellation).ConfigureAwait(false);
        foreach (var other in old.Snapshots) await vault.DeleteAsync(other.Slot, cancellation).ConfigureAwait(false);
        log.NewCluster($"this member alone is a new cluster now: id={identity.ClusterId:x} revision={renewed.View.Revision}; add members as to any other");
        var founded = Fresh(identity, start, renewed, manifest);
        founded.Acceptor.Recover([new AdmittedRecord()]);
        return founded with { First = [.. founded.First, new AdmittedRecord()] };
    }

    private static KvStateMachine Renew(KvView view, RestoreOptions options)
    {
        using var reader = new KvSnapshotReader();
        foreach (var chunk in KvSnapshot.Write(view)) reader.Add(chunk.Span);
        return reader.Complete(options);
    }
}
