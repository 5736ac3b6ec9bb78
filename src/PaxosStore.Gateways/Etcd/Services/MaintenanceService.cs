using Etcdserverpb;
using Grpc.Core;
using Microsoft.Extensions.Options;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>How this member is doing. Answered locally, without a quorum.</summary>
internal sealed class MaintenanceService(IKvStore store, Headers headers, IOptions<EtcdDoorOptions> options) : Maintenance.MaintenanceBase
{
    /// <inheritdoc/>
    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context)
    {
        var status = store.Status;
        var reply = new StatusResponse
        {
            Header = headers.At(store.View.Revision, status.Term),
            Version = options.Value.ReportedVersion,
            DbSize = status.StorageBytes,
            DbSizeInUse = status.StorageBytesInUse,
            Leader = status.LeaderId,
            RaftIndex = (ulong)status.ChosenSlot,
            RaftTerm = status.Term,
            RaftAppliedIndex = (ulong)status.AppliedSlot,
            IsLearner = status.IsObserver,
        };
        if (status.LeaderId == 0) reply.Errors.Add(EtcdErrors.StatusNoLeader);
        return Task.FromResult(reply);
    }

    /// <summary>No alarm is ever raised, so listing them finds none; <c>etcdctl endpoint health</c> asks for that.</summary>
    public override Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context)
    {
        if (request.Action != AlarmRequest.Types.AlarmAction.Get) throw EtcdErrors.NotServed("raising or clearing alarms");
        return Task.FromResult(new AlarmResponse { Header = headers.At(store.View) });
    }

    /// <inheritdoc/>
    public override Task<DefragmentResponse> Defragment(DefragmentRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("defragmentation");

    /// <inheritdoc/>
    public override Task<HashResponse> Hash(HashRequest request, ServerCallContext context) => throw EtcdErrors.NotServed("hash");

    /// <inheritdoc/>
    public override Task<HashKVResponse> HashKV(HashKVRequest request, ServerCallContext context) => throw EtcdErrors.NotServed("hashkv");

    /// <inheritdoc/>
    public override Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream, ServerCallContext context) =>
        throw EtcdErrors.NotServed("snapshot");

    /// <inheritdoc/>
    public override Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("moving the leader");

    /// <inheritdoc/>
    public override Task<DowngradeResponse> Downgrade(DowngradeRequest request, ServerCallContext context) =>
        throw EtcdErrors.NotServed("downgrade");
}
