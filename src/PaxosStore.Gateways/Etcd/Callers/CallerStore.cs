using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>The store as one long call uses it: every step is judged by what its caller may do at that moment.</summary>
internal sealed class CallerStore(IKvStore store, Doorkeeper doorkeeper, ServerCallContext context)
{
    private Caller? last;

    /// <summary>Has a command agreed on, on behalf of the caller.</summary>
    internal ValueTask<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellation) => doorkeeper.ExecuteAsync(command, context, cancellation);

    /// <summary>Undoes what this call has done, also when its caller may do nothing any more.</summary>
    internal ValueTask<KvResult> UndoAsync(KvCommand command) => store.ExecuteAsync(command with { Caller = Caller.Node }, CancellationToken.None);

    /// <summary>A linearizable view in which the caller may do <paramref name="op"/>.</summary>
    internal async ValueTask<KvView> ReadAsync(KvOp op, CancellationToken cancellation)
    {
        var seen = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, cancellation);
        seen.Demand(op);
        last = seen.Caller;
        return seen.View;
    }

    /// <summary>Opens a watcher; what it reads is to be <see cref="Passed"/> on.</summary>
    internal IKvWatcher Watch(WatchSpec spec) => store.Watch(spec);

    /// <summary>The events, if the caller may read <paramref name="range"/> by the users and roles that stand beside them.</summary>
    /// <exception cref="KvException">It may not any more.</exception>
    internal IReadOnlyList<KvEvent> Passed(WatchBatch batch, KeyRange range)
    {
        if (batch.Auth is not { Enabled: true } auth) return batch.Events;
        Caller? now = last is { } known ? known with { AuthRevision = auth.Revision } : null;
        Doorkeeper.Demand(auth.Check(now, Access.Read, range));
        return batch.Events;
    }
}
