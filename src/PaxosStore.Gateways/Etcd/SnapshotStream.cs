using System.Security.Cryptography;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// A backup as etcd's clients receive it: blobs, zeros up to the next multiple of 512 bytes, and the SHA-256 of all that. Clients judge by the
/// size that a file is whole, and by the hash that it is right.
/// </summary>
internal sealed class SnapshotStream(IStoreBackup backup, IServerStreamWriter<SnapshotResponse> writer) : IDisposable
{
    private const int BlobBytes = 32 * 1024;
    private const int PageBytes = 512;

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long sent;

    internal async Task RunAsync(CancellationToken cancellation)
    {
        foreach (var chunk in backup.Chunks())
        {
            for (var rest = chunk; !rest.IsEmpty; rest = rest[Math.Min(rest.Length, BlobBytes)..])
            {
                await SendAsync(rest[..Math.Min(rest.Length, BlobBytes)], cancellation);
            }
        }

        var padding = (int)((PageBytes - (sent % PageBytes)) % PageBytes);
        if (padding > 0) await SendAsync(new byte[padding], cancellation);
        var trailer = UnsafeByteOperations.UnsafeWrap(hash.GetHashAndReset());
        await writer.WriteAsync(new SnapshotResponse { Blob = trailer }, cancellation);
    }

    private Task SendAsync(ReadOnlyMemory<byte> blob, CancellationToken cancellation)
    {
        hash.AppendData(blob.Span);
        sent += blob.Length;

        // The backup is made while it is sent, so what is left is an estimate; never none as long as the hash is to come.
        var remaining = (ulong)Math.Max(1, backup.EstimatedBytes - sent);
        return writer.WriteAsync(new SnapshotResponse { RemainingBytes = remaining, Blob = UnsafeByteOperations.UnsafeWrap(blob) }, cancellation);
    }

    public void Dispose() => hash.Dispose();
}
