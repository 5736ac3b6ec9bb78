using Grpc.Core;
using PaxosStore.Gateways.Etcd.Json;

namespace PaxosStore.Gateways.Etcd.Watching;

/// <summary>
/// The one writer of a watch stream. Frames are gathered and pushed out together, so that many ready watchers cost one flush; waiting for
/// the flush is the back-pressure of a slow client.
/// </summary>
internal sealed class FrameSink(IServerStreamWriter<WatchFrame> writer, StreamFlush flush, int flushBytes)
{
    private static readonly WriteOptions Gather = new(WriteFlags.BufferHint);

    private int gathered;

    internal async ValueTask WriteAsync(WatchFrame frame, CancellationToken cancellation)
    {
        writer.WriteOptions = Gather;
        await writer.WriteAsync(frame, cancellation);
        gathered += WatchFrameWriter.Size(frame);
        if (gathered >= flushBytes) await FlushAsync(cancellation);
    }

    internal async ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (gathered == 0) return;
        gathered = 0;
        await flush(cancellation);
    }
}
