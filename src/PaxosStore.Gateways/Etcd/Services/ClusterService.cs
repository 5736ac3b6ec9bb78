using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>The members of the cluster. Headers of this service carry no revision, as etcd's don't.</summary>
internal sealed class ClusterService(IKvStore store, Headers headers) : Cluster.ClusterBase
{
    /// <inheritdoc/>
    public override async Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context)
    {
        if (request.Linearizable) await store.ReadAsync(ReadConsistency.Linearizable, context.CancellationToken);
        var status = store.Status;
        var reply = new MemberListResponse { Header = headers.At(0, status.Term) };
        reply.Members.AddRange(status.Members.Select(Wire));
        return reply;
    }

    /// <inheritdoc/>
    public override Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("adding a member");

    /// <inheritdoc/>
    public override Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("removing a member");

    /// <inheritdoc/>
    public override Task<MemberUpdateResponse> MemberUpdate(MemberUpdateRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("updating a member");

    /// <inheritdoc/>
    public override Task<MemberPromoteResponse> MemberPromote(MemberPromoteRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("promoting a member");

    private static Member Wire(MemberInfo member)
    {
        var wire = new Member { ID = member.Id, Name = member.Name, IsLearner = member.IsObserver };
        wire.PeerURLs.AddRange(member.PeerUrls);
        wire.ClientURLs.AddRange(member.ClientUrls);
        return wire;
    }
}
