using System.Security.Cryptography;

namespace PaxosStore.Kv;

/// <summary>
/// Writes a state as one stream of bytes: a header of 64 bytes, records, and an end record with the SHA-256 of all before it. The same state gives the
/// same bytes on every node. Each record is its length (32 bits, little-endian), a tag and what the tag says; see <see cref="SnapshotTag"/>.
/// </summary>
public static class KvSnapshot
{
    /// <summary>Bytes per chunk unless told otherwise.</summary>
    public const int DefaultChunkBytes = 1 << 20;

    internal const int LengthBytes = 4;

    /// <summary>
    /// The snapshot of <paramref name="view"/> in chunks of <paramref name="chunkBytes"/> bytes, the last one shorter; made while they are read, each in
    /// memory of its own. Safe on any thread beside the applier. Pin the view (<see cref="KvStateMachine.PinView"/>), or a compaction may overtake it.
    /// </summary>
    /// <exception cref="KvException">While reading: <see cref="KvErrorCode.Compacted"/>, a compaction has overtaken a view that was not pinned.</exception>
    public static IEnumerable<ReadOnlyMemory<byte>> Write(KvView view, int chunkBytes = DefaultChunkBytes)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunkBytes);
        return WithHash();

        IEnumerable<ReadOnlyMemory<byte>> WithHash()
        {
            using var hash = NewHash();
            foreach (var chunk in Cut(view, chunkBytes, hash)) yield return chunk;
        }
    }

    /// <summary>The same; when all chunks have been read, <paramref name="hash"/> (from <see cref="NewHash"/>, fresh) has taken in all their bytes.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Write(KvView view, int chunkBytes, IncrementalHash hash)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunkBytes);
        ArgumentNullException.ThrowIfNull(hash);
        return Cut(view, chunkBytes, hash);
    }

    /// <summary>The hash that a snapshot ends with: SHA-256.</summary>
    public static IncrementalHash NewHash() => IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private static IEnumerable<ReadOnlyMemory<byte>> Cut(KvView view, int chunkBytes, IncrementalHash hash)
    {
        var chunk = new byte[chunkBytes];
        var (filled, hashed) = (0, 0);
        foreach (var piece in Pieces(view, HashSoFar))
        {
            for (var rest = piece; !rest.IsEmpty;)
            {
                var taken = Math.Min(rest.Length, chunkBytes - filled);
                rest[..taken].CopyTo(chunk.AsMemory(filled));
                filled += taken;
                rest = rest[taken..];
                if (filled < chunkBytes) continue;
                HashFilled();
                yield return chunk;
                chunk = new byte[chunkBytes];
                filled = hashed = 0;
            }
        }

        if (filled == 0) yield break;
        HashFilled();
        yield return chunk.AsMemory(0, filled);

        byte[] HashSoFar()
        {
            HashFilled();
            return hash.GetCurrentHash();
        }

        // By the chunk: a call for each record would cost more than the hash itself.
        void HashFilled()
        {
            hash.AppendData(chunk.AsSpan(hashed, filled - hashed));
            hashed = filled;
        }
    }

    /// <summary>All bytes in order; each piece is good until the next is asked for. <paramref name="hashSoFar"/> is asked when all before the end record is out.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Pieces(KvView view, Func<byte[]> hashSoFar)
    {
        yield return new KvSnapshotHeader(
            view.AppliedSlot, view.Revision, view.CompactRevision, view.Root?.Live ?? 0, SnapshotVersions.Count(view), view.LogTime, view.Term).ToBytes();

        var writer = new ByteWriter(1024);
        foreach (var tail in Records(view, writer))
        {
            yield return Frame(writer, tail.Length);
            if (!tail.IsEmpty) yield return tail;
        }

        // Whoever trims raises the mark before the first cut: if it is still below the view, nothing was missing.
        view.Trim.ThrowIfTrimmed(view.CompactRevision);
        var digest = hashSoFar();
        Begin(writer, SnapshotTag.End);
        yield return Frame(writer, digest.Length);
        yield return digest;
    }

    /// <summary>Leaves the head of each record in <paramref name="writer"/> and returns what follows it.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Records(KvView view, ByteWriter writer)
    {
        Begin(writer, SnapshotTag.Counters);
        SnapshotRecord.WriteCounters(writer, view);
        yield return default;
        foreach (var lease in view.Leases.Values)
        {
            Begin(writer, SnapshotTag.Lease);
            SnapshotRecord.WriteLease(writer, lease);
            yield return default;
        }

        foreach (var version in SnapshotVersions.Base(view))
        {
            Begin(writer, SnapshotTag.Base);
            yield return SnapshotRecord.WriteVersion(writer, version);
        }

        foreach (var version in SnapshotVersions.Events(view))
        {
            Begin(writer, version.IsTombstone ? SnapshotTag.Delete : SnapshotTag.Put);
            yield return SnapshotRecord.WriteVersion(writer, version);
        }

        foreach (var session in view.Sessions.Values)
        {
            Begin(writer, SnapshotTag.Session);
            SnapshotRecord.WriteSession(writer, session);
            yield return default;
            foreach (var (number, result) in session.Results())
            {
                Begin(writer, SnapshotTag.Result);
                writer.Signed(number);
                CommandCodec.WriteResult(writer, result);
                yield return default;
            }
        }

        foreach (var (id, member) in view.Members)
        {
            Begin(writer, SnapshotTag.Member);
            SnapshotRecord.WriteMember(writer, id, member);
            yield return default;
        }

        foreach (var alarm in view.Alarms)
        {
            Begin(writer, SnapshotTag.Alarm);
            CommandCodec.WriteAlarm(writer, alarm);
            yield return default;
        }

        if (view.Auth.IsUntouched) yield break;
        foreach (var record in AuthRecords(view.Auth, writer)) yield return record;
    }

    private static IEnumerable<ReadOnlyMemory<byte>> AuthRecords(AuthState auth, ByteWriter writer)
    {
        Begin(writer, SnapshotTag.Auth);
        AuthRecord.WriteSwitch(writer, auth);
        yield return default;
        foreach (var user in auth.Users.Values)
        {
            Begin(writer, SnapshotTag.User);
            AuthRecord.Write(writer, user);
            yield return default;
        }

        foreach (var role in auth.Roles.Values)
        {
            Begin(writer, SnapshotTag.Role);
            AuthRecord.Write(writer, role);
            yield return default;
        }

        foreach (var (id, token) in auth.Tokens.All)
        {
            Begin(writer, SnapshotTag.Token);
            AuthRecord.Write(writer, id, token);
            yield return default;
        }
    }

    private static void Begin(ByteWriter writer, SnapshotTag tag)
    {
        writer.Clear();
        writer.Fixed32(0);
        writer.Byte((byte)tag);
    }

    private static ReadOnlyMemory<byte> Frame(ByteWriter writer, int tail)
    {
        writer.Patch32(0, checked((uint)(writer.Length - LengthBytes) + (uint)tail));
        return writer.WrittenMemory;
    }
}
