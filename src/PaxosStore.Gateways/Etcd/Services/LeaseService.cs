using System.Collections.Immutable;
using System.Threading.Channels;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>Key leases.</summary>
internal sealed class LeaseService(
    IKvStore store, Doorkeeper doorkeeper, Headers headers, IOptions<EtcdDoorOptions> options, StreamEnds ends) : Lease.LeaseBase
{
    // Most renewals of one stream that travel in one command.
    private const int KeepAliveBatch = 1024;

    private readonly EtcdDoorOptions limits = options.Value;

    /// <inheritdoc/>
    public override async Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, ServerCallContext context)
    {
        if (request.TTL > limits.MaxLeaseTtlSeconds) throw EtcdErrors.LeaseTtlTooLarge;
        var command = new LeaseGrantCommand(request.ID, Math.Max(request.TTL, limits.MinLeaseTtlSeconds));
        var result = (LeaseGrantResult)await doorkeeper.ExecuteAsync(command, context, context.CancellationToken);
        return new LeaseGrantResponse { Header = headers.At(result), ID = result.Id, TTL = result.TtlSeconds };
    }

    /// <inheritdoc/>
    public override async Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, ServerCallContext context)
    {
        var result = await doorkeeper.ExecuteAsync(new LeaseRevokeCommand(request.ID), context, context.CancellationToken);
        return new LeaseRevokeResponse { Header = headers.At(result) };
    }

    /// <inheritdoc/>
    public override async Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, ServerCallContext context)
    {
        var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, context.CancellationToken);
        Doorkeeper.Demand(request.Keys ? view.CheckLease(caller, request.ID, Access.Read) : view.Auth.CheckUser(caller));
        var reply = new LeaseTimeToLiveResponse { Header = headers.At(view), ID = request.ID };
        if (view.Lease(request.ID, store.LogTimeEstimate) is not { } lease)
        {
            reply.TTL = -1;
            return reply;
        }

        reply.TTL = lease.RemainingSeconds;
        reply.GrantedTTL = lease.GrantedTtlSeconds;
        if (request.Keys) reply.Keys.AddRange(lease.Keys.Select(k => UnsafeByteOperations.UnsafeWrap(k)));
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, ServerCallContext context)
    {
        var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Serializable, context, context.CancellationToken);
        Doorkeeper.Demand(view.Auth.CheckUser(caller));
        if (view.Auth.Enabled && view.Auth.CheckAdmin(caller) != KvErrorCode.None)
        {
            // That a lease is there says something of its keys.
            foreach (var id in view.LeaseIds()) Doorkeeper.Demand(view.CheckLease(caller, id, Access.Read));
        }

        var reply = new LeaseLeasesResponse { Header = headers.At(view) };
        reply.Leases.AddRange(view.LeaseIds().Select(id => new LeaseStatus { ID = id }));
        return reply;
    }

    /// <summary>
    /// Renews each lease the client names, in order. What arrives while a renewal is on its way travels together in the next one.
    /// Ends when the client has no more to say.
    /// </summary>
    public override async Task LeaseKeepAlive(
        IAsyncStreamReader<LeaseKeepAliveRequest> requestStream, IServerStreamWriter<LeaseKeepAliveResponse> responseStream, ServerCallContext context)
    {
        using var end = ends.Begin(context);
        var asked = Channel.CreateBounded<long>(new BoundedChannelOptions(KeepAliveBatch) { SingleReader = true, SingleWriter = true });
        var reading = ReadIdsAsync(requestStream, asked.Writer, end.Token);
        try
        {
            while (await asked.Reader.WaitToReadAsync(end.Token))
            {
                var ids = ImmutableArray.CreateBuilder<long>();
                while (ids.Count < KeepAliveBatch && asked.Reader.TryRead(out var id)) ids.Add(id);
                var result = (LeaseKeepAliveResult)await doorkeeper.ExecuteAsync(new LeaseKeepAliveCommand(ids.ToImmutable()), context, end.Token);
                for (var i = 0; i < ids.Count; i++)
                {
                    if (result.TtlSeconds[i] == LeaseKeepAliveResult.Denied) throw EtcdErrors.PermissionDenied;
                    var reply = new LeaseKeepAliveResponse { Header = headers.At(result), ID = ids[i], TTL = result.TtlSeconds[i] };
                    await responseStream.WriteAsync(reply, end.Token);
                }
            }

            await reading;
        }
        catch (OperationCanceledException) when (end.Reason() is { } reason)
        {
            throw reason;
        }
        finally
        {
            end.Cancel();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task ReadIdsAsync(
        IAsyncStreamReader<LeaseKeepAliveRequest> requests, ChannelWriter<long> asked, CancellationToken cancellation)
    {
        try
        {
            while (await requests.MoveNext(cancellation)) await asked.WriteAsync(requests.Current.ID, cancellation);
        }
        finally
        {
            asked.TryComplete();
        }
    }
}
