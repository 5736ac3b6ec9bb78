using Etcdserverpb;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>What is common to all calls: what a member without a vote refuses, the require-leader wish, who may call, and the translation of failures.</summary>
internal sealed class CallInterceptor(
    IKvStore store, RecentStatus recent, Doorkeeper doorkeeper, IOptions<EtcdDoorOptions> options, ILogger<CallInterceptor> logger) : Interceptor
{
    private const string SnapshotMethod = "/etcdserverpb.Maintenance/Snapshot";

    /// <inheritdoc/>
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        CheckVote(request is StatusRequest or RangeRequest { Serializable: true });
        CheckLeader(context);
        try
        {
            await doorkeeper.AdmitAsync(context);
            return await continuation(request, context);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    /// <inheritdoc/>
    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        CheckVote(context.Method == SnapshotMethod);
        CheckLeader(context);
        try
        {
            await doorkeeper.AdmitAsync(context);
            await continuation(request, responseStream, context);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    /// <inheritdoc/>
    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        CheckVote(context.Method == SnapshotMethod);
        CheckLeader(context);
        try
        {
            await doorkeeper.AdmitAsync(context);
            await continuation(requestStream, responseStream, context);
        }
        catch (IOException reset)
        {
            // The client has reset its stream, which is all that such a call reads from: there is nobody to answer, and nothing has failed here.
            throw EtcdErrors.Map(reset, context) ?? EtcdErrors.RequestCanceled;
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    /// <summary>Whether the client wants an error rather than silence when there is no leader.</summary>
    internal static bool RequiresLeader(ServerCallContext context)
    {
        foreach (var entry in context.RequestHeaders)
        {
            if (entry.Key == "hasleader") return entry.Value == "true";
        }

        return false;
    }

    private RpcException Translate(Exception exception, ServerCallContext context)
    {
        if (EtcdErrors.Map(exception, context) is { } known) return EtcdErrors.IsRecipe(context.Method) ? EtcdErrors.OfRecipe(known) : known;
        Log.RequestFailed(logger, context.Method, exception);
        return EtcdErrors.Unexpected;
    }

    private void CheckVote(bool servedWithout)
    {
        if (!servedWithout && recent.Value.IsObserver) throw EtcdErrors.NotForLearner(options.Value.IsAtLeast36);
    }

    private void CheckLeader(ServerCallContext context)
    {
        if (RequiresLeader(context) && store.Status.LeaderId == 0) throw EtcdErrors.NoLeader;
    }
}
