using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Gateways.Etcd.Translation;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>The members of the cluster. Headers of this service carry no revision, as etcd's don't.</summary>
internal sealed class ClusterService(IKvStore store, IStoreAdmin admin, Headers headers) : Cluster.ClusterBase
{
    /// <inheritdoc/>
    public override async Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context)
    {
        if (request.Linearizable) await store.ReadAsync(ReadConsistency.Linearizable, context.CancellationToken);
        var status = store.Status;
        var reply = new MemberListResponse { Header = Header(status) };
        reply.Members.AddRange(status.Members.Select(Wire));
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context)
    {
        var url = PeerUrls.One(request.PeerURLs);
        var added = await admin.AddMemberAsync(url, request.IsLearner, context.CancellationToken);
        var status = store.Status;
        var reply = new MemberAddResponse { Header = Header(status), Member = Wire(added) };

        // The leader's word is enough: this node may not have applied the change yet, but the client knows of it.
        reply.Members.AddRange(status.Members.Where(m => m.Id != added.Id).Append(added).Select(Wire));
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context)
    {
        await admin.RemoveMemberAsync(request.ID, context.CancellationToken);
        var status = store.Status;
        var reply = new MemberRemoveResponse { Header = Header(status) };
        reply.Members.AddRange(status.Members.Where(m => m.Id != request.ID).Select(Wire));
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<MemberUpdateResponse> MemberUpdate(MemberUpdateRequest request, ServerCallContext context)
    {
        var url = PeerUrls.One(request.PeerURLs);
        await admin.UpdateMemberAsync(request.ID, url, context.CancellationToken);
        var status = store.Status;
        var reply = new MemberUpdateResponse { Header = Header(status) };
        reply.Members.AddRange(status.Members.Select(m => Wire(m.Id == request.ID ? m with { PeerUrls = [url] } : m)));
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<MemberPromoteResponse> MemberPromote(MemberPromoteRequest request, ServerCallContext context)
    {
        await admin.PromoteMemberAsync(request.ID, context.CancellationToken);
        var status = store.Status;
        var reply = new MemberPromoteResponse { Header = Header(status) };
        reply.Members.AddRange(status.Members.Select(m => Wire(m.Id == request.ID ? m with { IsObserver = false } : m)));
        return reply;
    }

    private ResponseHeader Header(StoreStatus status) => headers.At(0, status.Term);

    private static Member Wire(MemberInfo member)
    {
        var wire = new Member { ID = member.Id, Name = member.Name, IsLearner = member.IsObserver };
        wire.PeerURLs.AddRange(member.PeerUrls);
        wire.ClientURLs.AddRange(member.ClientUrls);
        return wire;
    }
}
