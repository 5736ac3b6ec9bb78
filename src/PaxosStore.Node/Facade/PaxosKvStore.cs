using System.Threading.Channels;
using Akka.Actor;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;

namespace PaxosStore.Node.Facade;

/// <summary>Something waits in the store's channels.</summary>
internal sealed record Submitted
{
    public static readonly Submitted Instance = new();
}

/// <summary>The port of this node for the doors in its process: bounded channels into the facade actor, and reads from immutable views.</summary>
internal sealed class PaxosKvStore : IKvStore
{
    private readonly NodeContext _node;
    private readonly KvStateMachine _state;
    private readonly NodeProgress _progress;
    private readonly Func<long> _storageBytes;
    private readonly Channel<PendingWrite> _writes;
    private readonly Channel<PendingRead> _reads;
    private readonly Channel<PendingChange> _changes = Channel.CreateBounded<PendingChange>(new BoundedChannelOptions(64) { SingleReader = true });
    private IActorRef _facade = ActorRefs.Nobody;
    private int _signalled;

    public PaxosKvStore(NodeContext node, KvStateMachine state, NodeProgress progress, Func<long> storageBytes)
    {
        (_node, _state, _progress, _storageBytes) = (node, state, progress, storageBytes);
        var bound = new BoundedChannelOptions(node.Settings.MaxPendingRequests) { SingleReader = true };
        _writes = Channel.CreateBounded<PendingWrite>(bound);
        _reads = Channel.CreateBounded<PendingRead>(bound);
    }

    public ChannelReader<PendingWrite> Writes => _writes.Reader;

    public ChannelReader<PendingRead> Reads => _reads.Reader;

    public ChannelReader<PendingChange> Changes => _changes.Reader;

    public KvView View => _progress.View;

    /// <summary>The state as of now, pinned.</summary>
    public KvPin Pin() => _state.PinView();

    public TimeSpan LogTimeEstimate => _progress.EstimatedLogTime(_node.Elapsed);

    public StoreStatus Status
    {
        get
        {
            var view = View;
            var configuration = _node.Newest;
            return new StoreStatus(
                _node.ClusterId, _node.Self.Value, _progress.Leader, view.Term, _progress.ChosenSlot, view.AppliedSlot,
                _storageBytes(), view.HistoryBytes, !configuration.IsVoter(_node.Self), configuration.IsVoter(_node.Self) && !_node.TakesPart, [.. configuration.Members.Select(m => Member(m, view))]);
        }
    }

    /// <summary>The facade actor is there; what was submitted before could not signal it.</summary>
    public void Attach(IActorRef facade)
    {
        Volatile.Write(ref _facade, facade);
        facade.Tell(Submitted.Instance, ActorRefs.NoSender);
    }

    /// <summary>The facade actor is about to drain: what comes from now on needs a new signal.</summary>
    public void SignalSeen() => Volatile.Write(ref _signalled, 0);

    public async ValueTask<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellationToken)
    {
        var write = new PendingWrite(command);
        Submit(_writes.Writer, write);
        await using var _ = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingWrite)state!).Completion.TrySetCanceled(token), write).ConfigureAwait(false);
        var result = await ResultAsync(write).ConfigureAwait(false);
        return result is RefusedResult refused
            ? throw new KvException(refused.Code, compactRevision: refused.Code == KvErrorCode.Compacted ? View.CompactRevision : 0)
            : result;
    }

    private static async ValueTask<KvResult> ResultAsync(PendingWrite write)
    {
        NodeMeter.ProposalsPending.Add(1);
        try
        {
            return await write.Completion.Task.ConfigureAwait(false);
        }
        catch (KvException)
        {
            NodeMeter.ProposalsFailed.Add(1);
            throw;
        }
        finally
        {
            NodeMeter.ProposalsPending.Add(-1);
        }
    }

    public async ValueTask<KvView> ReadAsync(ReadConsistency consistency, CancellationToken cancellationToken)
    {
        if (consistency == ReadConsistency.Serializable) return View;
        var read = new PendingRead();
        Submit(_reads.Writer, read);
        await using var _ = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingRead)state!).Completion.TrySetCanceled(token), read).ConfigureAwait(false);
        return await read.Completion.Task.ConfigureAwait(false);
    }

    public IKvWatcher Watch(WatchSpec spec) => _state.Watches.Open(spec);

    private void Submit<T>(ChannelWriter<T> channel, T item)
    {
        if (!channel.TryWrite(item)) throw new KvException(KvErrorCode.Overloaded);
        if (Interlocked.Exchange(ref _signalled, 1) == 0) _facade.Tell(Submitted.Instance, ActorRefs.NoSender);
    }

    /// <summary>Has a change of the members agreed on.</summary>
    /// <exception cref="KvException">The outcome could not be learned in time.</exception>
    public async Task<ChangeOutcome> ChangeAsync(Configuration next, CancellationToken cancellationToken)
    {
        var change = new PendingChange(next);
        Submit(_changes.Writer, change);
        return await change.Completion.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private static MemberInfo Member(Member member, KvView view)
    {
        var observer = member.Kind != MemberKind.Voter;
        return view.Members.TryGetValue(member.Id.Value, out var published)
            ? new MemberInfo(member.Id.Value, published.Name, [member.Address], published.ClientUrls, observer)
            : new MemberInfo(member.Id.Value, "", [member.Address], [], observer);
    }
}
