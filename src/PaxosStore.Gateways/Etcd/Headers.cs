using Etcdserverpb;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>Makes the header of replies: who answers, and how far the store had come.</summary>
internal sealed class Headers(IKvStore store)
{
    private StoreStatus? identity;

    internal ulong ClusterId => Identity.ClusterId;

    internal ulong MemberId => Identity.MemberId;

    // Identities never change, and a status may be costly to make.
    private StoreStatus Identity
    {
        get
        {
            if (identity is { } known) return known;
            var status = store.Status;
            if (status.ClusterId != 0 && status.MemberId != 0) identity = status;
            return status;
        }
    }

    internal ResponseHeader At(long revision, ulong term)
    {
        var id = Identity;
        return new ResponseHeader { ClusterId = id.ClusterId, MemberId = id.MemberId, Revision = revision, RaftTerm = term };
    }

    internal ResponseHeader At(KvView view) => At(view.Revision, view.Term);

    internal ResponseHeader At(KvResult result) => At(result.Revision, result.Term);
}
