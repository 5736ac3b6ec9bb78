using System.Buffers.Binary;
using System.Globalization;
using Etcdserverpb;
using Grpc.Core;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>What operators ask of a member. Where nothing else is said it is answered locally, without a quorum.</summary>
internal sealed class MaintenanceService(
    IKvStore store, IStoreAdmin admin, Doorkeeper doorkeeper, Headers headers, IOptions<EtcdDoorOptions> options, StreamEnds ends) : Maintenance.MaintenanceBase
{
    /// <inheritdoc/>
    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context)
    {
        var (status, view) = (store.Status, store.View);
        var reply = new StatusResponse
        {
            Header = headers.At(view.Revision, status.Term),
            Version = options.Value.ReportedVersion,
            DbSize = status.StorageBytes,
            DbSizeInUse = status.StorageBytesInUse,
            DbSizeQuota = admin.QuotaBytes,
            Leader = status.LeaderId,
            RaftIndex = (ulong)status.ChosenSlot,
            RaftTerm = status.Term,
            RaftAppliedIndex = (ulong)status.AppliedSlot,
            IsLearner = status.IsObserver,
            StorageVersion = options.Value.IsAtLeast36 ? options.Value.ClusterVersion : "",
        };
        if (status.LeaderId == 0) reply.Errors.Add(EtcdErrors.StatusNoLeader);
        reply.Errors.AddRange(view.Alarms.Select(Text));
        return Task.FromResult(reply);
    }

    /// <summary>
    /// Lists alarms as they are after everything acknowledged before, or raises or disarms one by consensus. Asked for one kind, it lists that
    /// kind; the member asked for plays no part in listing, as in etcd.
    /// </summary>
    public override async Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context)
    {
        if (request.Alarm is < AlarmType.None or > AlarmType.Corrupt) throw EtcdErrors.UnknownAlarm;
        var kind = (AlarmKind)request.Alarm;
        if (request.Action == AlarmRequest.Types.AlarmAction.Get)
        {
            var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, context.CancellationToken);
            Doorkeeper.Demand(view.Auth.CheckUser(caller));
            return Reply(headers.At(view), view.Alarms.Where(a => kind == AlarmKind.None || a.Kind == kind));
        }

        var raise = request.Action == AlarmRequest.Types.AlarmAction.Activate;
        if (!raise && request.Action != AlarmRequest.Types.AlarmAction.Deactivate) throw EtcdErrors.UnknownAlarm;
        if (raise && kind == AlarmKind.None) throw EtcdErrors.UnknownAlarm;
        var result = (AlarmResult)await doorkeeper.ExecuteAsync(new AlarmCommand(raise, request.MemberID, kind), context, context.CancellationToken);
        return Reply(headers.At(result), result.Changed);
    }

    /// <summary>Gives free space back; as in etcd the reply has no header.</summary>
    public override async Task<DefragmentResponse> Defragment(DefragmentRequest request, ServerCallContext context)
    {
        await admin.DefragmentAsync(context.CancellationToken);
        return new DefragmentResponse();
    }

    /// <summary>Hash of everything the log decided: equal on members that have applied the same of it.</summary>
    public override Task<HashResponse> Hash(HashRequest request, ServerCallContext context)
    {
        var (view, digest) = Newest(view => view.ComputeDigest());
        return Task.FromResult(new HashResponse { Header = headers.At(view), Hash = BinaryPrimitives.ReadUInt32LittleEndian(digest) });
    }

    /// <summary>Hash of the keys and their history: equal on members at the same two revisions.</summary>
    public override Task<HashKVResponse> HashKV(HashKVRequest request, ServerCallContext context)
    {
        var (view, hash) = Newest(view => view.HashKv(request.Revision));
        return Task.FromResult(new HashKVResponse
        {
            Header = headers.At(view),
            Hash = hash.Hash,
            CompactRevision = hash.CompactRevision,
            HashRevision = hash.HashRevision,
        });
    }

    /// <summary>Streams a backup of this member's state.</summary>
    public override async Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        using var backup = admin.OpenBackup();
        try
        {
            using var stream = new SnapshotStream(backup, responseStream);
            await stream.RunAsync(end.Token);
        }
        catch (OperationCanceledException) when (end.Reason() is { } reason)
        {
            throw reason;
        }
    }

    /// <summary>Makes another member lead; only the leader does. As in etcd the reply has no header.</summary>
    public override async Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, ServerCallContext context)
    {
        await admin.MoveLeaderAsync(request.TargetID, context.CancellationToken);
        return new MoveLeaderResponse();
    }

    /// <summary>There is no older version whose data this one can be turned into, so none is a valid target.</summary>
    public override Task<DowngradeResponse> Downgrade(DowngradeRequest request, ServerCallContext context)
    {
        if (request.Action == DowngradeRequest.Types.DowngradeAction.Cancel) throw EtcdErrors.NoDowngrade;
        throw Version.TryParse(request.Version, out _) ? EtcdErrors.DowngradeVersion : EtcdErrors.DowngradeVersionFormat;
    }

    /// <summary>Walks the newest view; one that a compaction overtook meanwhile is no answer, the next one is.</summary>
    private (KvView View, T Result) Newest<T>(Func<KvView, T> walk)
    {
        while (true)
        {
            var view = store.View;
            try
            {
                return (view, walk(view));
            }
            catch (KvException e) when (e.Code == KvErrorCode.Compacted && store.View.CompactRevision > view.CompactRevision)
            {
                // Tried again: a revision that is gone in the next view as well is refused by it.
            }
        }
    }

    private static AlarmResponse Reply(ResponseHeader header, IEnumerable<AlarmInfo> alarms)
    {
        var reply = new AlarmResponse { Header = header };
        reply.Alarms.AddRange(alarms.Select(a => new AlarmMember { MemberID = a.MemberId, Alarm = (AlarmType)a.Kind }));
        return reply;
    }

    // Go's short form of the message, to the blank at its end.
    private static string Text(AlarmInfo alarm)
    {
        var member = alarm.MemberId == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"memberID:{alarm.MemberId} ");
        return $"{member}alarm:{(alarm.Kind == AlarmKind.NoSpace ? "NOSPACE" : "CORRUPT")} ";
    }
}
