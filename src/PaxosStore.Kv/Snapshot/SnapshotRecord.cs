using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>Kinds of records, in the order in which they stand but for the end; never change one.</summary>
internal enum SnapshotTag : byte
{
    /// <summary>Counters of the state and of the records that follow; first, and once.</summary>
    Counters = 1,

    /// <summary>A key lease without its keys.</summary>
    Lease = 2,

    /// <summary>A version that is live at the compact revision and was made below it; in key order.</summary>
    Base = 3,

    /// <summary>A put at or above the compact revision; puts and deletes stand in the order of history.</summary>
    Put = 4,

    /// <summary>A delete at or above the compact revision.</summary>
    Delete = 5,

    /// <summary>A client session; the results it remembers follow it.</summary>
    Session = 6,

    /// <summary>A remembered result of the session before it.</summary>
    Result = 7,

    /// <summary>What a member has published.</summary>
    Member = 8,

    /// <summary>An alarm that is up.</summary>
    Alarm = 9,

    /// <summary>SHA-256 of everything before this record; last, and once.</summary>
    End = 10,

    /// <summary>Whether callers are checked, and how many records of users, roles and tokens follow; only when there is something to say.</summary>
    Auth = 11,

    /// <summary>A user, in the order of names.</summary>
    User = 12,

    /// <summary>A role, in the order of names.</summary>
    Role = 13,

    /// <summary>A token, in the order of ids.</summary>
    Token = 14,
}

/// <summary>Counters that stand at the start of a snapshot, so that its reader can tell whether it got everything.</summary>
internal readonly record struct SnapshotCounters(
    long WallClockUnixMs, long DataBytes, UInt128 Checksum, ulong Leases, ulong Sessions, ulong Members, ulong Alarms);

/// <summary>The bytes of single records, without frame and tag.</summary>
internal static class SnapshotRecord
{
    public static void WriteCounters(ByteWriter writer, KvView view)
    {
        writer.Signed(view.WallClockUnixMs);
        writer.Signed(view.DataBytes);
        writer.Fixed64((ulong)view.Checksum);
        writer.Fixed64((ulong)(view.Checksum >> 64));
        writer.Unsigned((ulong)view.Leases.Count);
        writer.Unsigned((ulong)view.Sessions.Count);
        writer.Unsigned((ulong)view.Members.Count);
        writer.Unsigned((ulong)view.Alarms.Count);
    }

    public static SnapshotCounters ReadCounters(ref ByteReader reader)
    {
        var (wallClock, dataBytes, low, high) = (reader.Signed(), reader.Signed(), reader.Fixed64(), reader.Fixed64());
        return new SnapshotCounters(
            wallClock, dataBytes, new UInt128(high, low), reader.Unsigned(), reader.Unsigned(), reader.Unsigned(), reader.Unsigned());
    }

    public static void WriteLease(ByteWriter writer, KeyLease lease)
    {
        writer.Signed(lease.Id);
        writer.Signed(lease.TtlSeconds);
        writer.Signed(lease.Deadline.Ticks);
    }

    public static KeyLease ReadLease(ref ByteReader reader) =>
        new(reader.Signed(), reader.Signed(), new TimeSpan(reader.Signed()), KeyLeases.NoKeys);

    /// <summary>Writes all but the value, which is to follow: it may be larger than a chunk.</summary>
    public static ReadOnlyMemory<byte> WriteVersion(ByteWriter writer, KeyVersion version)
    {
        writer.Bytes(version.Key);
        writer.Signed(version.ModRevision);
        writer.Signed(version.ModifiedAtUnixMs);
        if (version.IsTombstone) return default;
        writer.Signed(version.CreateRevision);
        writer.Signed(version.Version);
        writer.Signed(version.Lease);
        writer.Signed(version.CreatedAtUnixMs);
        writer.Flag(version.Attributes is not null);
        if (version.Attributes is { } attributes)
        {
            writer.Unsigned(attributes.Flags);
            writer.Signed(attributes.LockIndex);
            writer.Signed(attributes.DataVersion);
            writer.Signed(attributes.AccessListId);
        }

        return version.Value;
    }

    public static KeyVersion ReadVersion(ref ByteReader reader, bool isTombstone)
    {
        var (key, modRevision, modifiedAt) = (reader.Bytes().ToArray(), reader.Signed(), reader.Signed());
        if (isTombstone) return new KeyVersion(key, default, modRevision, isTombstone: true) { ModifiedAtUnixMs = modifiedAt };
        var (createRevision, version, lease, createdAt) = (reader.Signed(), reader.Signed(), reader.Signed(), reader.Signed());
        var attributes = reader.Flag() ? new KeyAttributes(reader.Unsigned(), reader.Signed(), reader.Signed(), reader.Signed()) : null;
        return new KeyVersion(key, reader.Rest().ToArray(), modRevision, isTombstone: false)
        {
            CreateRevision = createRevision,
            Version = version,
            Lease = lease,
            CreatedAtUnixMs = createdAt,
            ModifiedAtUnixMs = modifiedAt,
            Attributes = attributes,
        };
    }

    public static void WriteSession(ByteWriter writer, ClientSession session)
    {
        writer.Fixed64(session.Id);
        writer.Signed(session.AcknowledgedBelow);
        writer.Signed(session.LastUsed.Ticks);
    }

    public static ClientSession ReadSession(ref ByteReader reader, long edit) =>
        new(reader.Fixed64(), reader.Signed(), new TimeSpan(reader.Signed()), edit);

    public static void WriteMember(ByteWriter writer, ulong id, MemberAttributes member)
    {
        writer.Fixed64(id);
        writer.Fixed64(member.Incarnation);
        writer.Text(member.Name);
        CommandCodec.WriteTexts(writer, member.ClientUrls);
    }

    public static (ulong Id, MemberAttributes Member) ReadMember(ref ByteReader reader)
    {
        var (id, incarnation) = (reader.Fixed64(), reader.Fixed64());
        return (id, new MemberAttributes(reader.Text(), CommandCodec.ReadTexts(ref reader), incarnation));
    }
}

/// <summary>Which versions of keys a snapshot holds: those that can still be read or watched.</summary>
internal static class SnapshotVersions
{
    public static long Count(KvView view) =>
        Base(view).LongCount() + view.History.End - view.History.Seek(view.CompactRevision);

    /// <summary>What is live at the compact revision and is not among <see cref="Events"/>, in key order.</summary>
    public static IEnumerable<KeyVersion> Base(KvView view)
    {
        var compactRevision = view.CompactRevision;
        if (compactRevision <= 0) yield break;
        var above = new Stack<KeyNode>();
        for (var node = view.Root; node is not null || above.Count > 0;)
        {
            if (node is not null)
            {
                above.Push(node);
                node = node.Left;
                continue;
            }

            node = above.Pop();
            if (node.Head.LiveAt(compactRevision) is { } version && version.ModRevision < compactRevision) yield return version;
            node = node.Right;
        }
    }

    /// <summary>All changes at and above the compact revision, as they happened.</summary>
    public static IEnumerable<KeyVersion> Events(KvView view)
    {
        var history = view.History;
        for (var position = history.Seek(view.CompactRevision); position < history.End; position++)
            yield return history[position] ?? throw new KvException(KvErrorCode.Compacted, compactRevision: view.Trim.Through);
    }
}
