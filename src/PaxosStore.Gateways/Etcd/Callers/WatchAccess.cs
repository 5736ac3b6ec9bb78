using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>Who opens the watchers of one stream, asked for each anew: a stream may live longer than what its caller may do.</summary>
internal sealed class WatchAccess(Doorkeeper doorkeeper, ServerCallContext context)
{
    /// <summary>The caller, and why it may not watch <paramref name="range"/>: null when it may.</summary>
    internal async ValueTask<(Caller? Caller, string? Refusal)> AskAsync(KeyRange range, CancellationToken cancellation)
    {
        try
        {
            var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Serializable, context, cancellation);
            var verdict = view.Auth.Check(caller, Access.Read, range);
            return (caller, verdict == KvErrorCode.None ? null : EtcdErrors.WatchRefused(EtcdErrors.FromStore(verdict)));
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unauthenticated)
        {
            return (null, EtcdErrors.WatchRefused(e));
        }
        catch (KvException e)
        {
            return (null, EtcdErrors.WatchRefused(EtcdErrors.FromStore(e.Code)));
        }
    }
}
