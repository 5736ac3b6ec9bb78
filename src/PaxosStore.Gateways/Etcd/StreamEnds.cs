using Grpc.Core;
using Microsoft.Extensions.Hosting;

namespace PaxosStore.Gateways.Etcd;

/// <summary>Why long streams end before the client wants them to: the server stops, or the leader they require is lost.</summary>
internal sealed class StreamEnds(LeaderMonitor leaders, IHostApplicationLifetime? lifetime = null)
{
    internal StreamEnd Begin(ServerCallContext context) => new(
        context.CancellationToken,
        lifetime?.ApplicationStopping ?? CancellationToken.None,
        CallInterceptor.RequiresLeader(context) ? leaders.LeaderLost : CancellationToken.None);
}

/// <summary>The end of one stream.</summary>
internal sealed class StreamEnd(CancellationToken client, CancellationToken stopping, CancellationToken leaderLost) : IDisposable
{
    private readonly CancellationTokenSource any = CancellationTokenSource.CreateLinkedTokenSource(client, stopping, leaderLost);

    /// <summary>Fires when the stream is to end, whatever the reason.</summary>
    internal CancellationToken Token => any.Token;

    /// <summary>What to tell the client; null when it left by itself or nothing has ended the stream.</summary>
    internal RpcException? Reason()
    {
        if (client.IsCancellationRequested) return null;
        if (leaderLost.IsCancellationRequested) return EtcdErrors.NoLeader;
        return stopping.IsCancellationRequested ? EtcdErrors.ServerStopped : null;
    }

    /// <summary>Ends what still waits on <see cref="Token"/>.</summary>
    internal void Cancel() => any.Cancel();

    public void Dispose() => any.Dispose();
}
