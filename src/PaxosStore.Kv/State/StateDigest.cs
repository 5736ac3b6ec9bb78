using System.Security.Cryptography;

namespace PaxosStore.Kv;

/// <summary>
/// Hashes what the log decided and nothing else: of the keys only what can still be read, so it does not matter how much compacted history
/// a node still holds.
/// </summary>
internal static class StateDigest
{
    private const int FlushAt = 32 * 1024;

    public static byte[] Compute(KvView view)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var writer = new ByteWriter(FlushAt + 4096);
        AppendCounters(view, writer);
        KeyTree.ForEachHead(view.Root, head =>
        {
            AppendKey(head, view.CompactRevision, writer);
            Flush(writer, hash, FlushAt);
        });
        view.Trim.ThrowIfTrimmed(view.CompactRevision);
        writer.Flag(false);
        AppendLeases(view, writer, hash);
        AppendSessions(view, writer, hash);
        writer.Unsigned((uint)view.Members.Count);
        foreach (var (id, member) in view.Members)
        {
            writer.Fixed64(id);
            writer.Text(member.Name);
            CommandCodec.WriteTexts(writer, member.ClientUrls);
            writer.Fixed64(member.Incarnation);
        }

        writer.Unsigned((uint)view.Alarms.Count);
        foreach (var alarm in view.Alarms) CommandCodec.WriteAlarm(writer, alarm);
        AppendAuth(view.Auth, writer, hash);

        Flush(writer, hash, 0);
        return hash.GetHashAndReset();
    }

    private static void AppendCounters(KvView view, ByteWriter writer)
    {
        writer.Byte(CommandCodec.FormatVersion);
        writer.Signed(view.Revision);
        writer.Signed(view.CompactRevision);
        writer.Unsigned(view.Term);
        writer.Signed(view.AppliedSlot);
        writer.Signed(view.LogTime.Ticks);
        writer.Signed(view.WallClockUnixMs);
        writer.Signed(view.DataBytes);
    }

    /// <summary>
    /// The versions of one key that a reader can still reach: those above the compact revision, and the newest at or below it
    /// unless it is a tombstone.
    /// </summary>
    internal static void AppendKey(KeyVersion head, long compactRevision, ByteWriter writer)
    {
        if (head.IsTombstone && head.ModRevision <= compactRevision) return;
        writer.Flag(true);
        writer.Bytes(head.Key);
        for (var version = head; version is not null; version = version.Previous)
        {
            var oldest = version.ModRevision <= compactRevision;
            if (oldest && version.IsTombstone) break;
            writer.Flag(true);
            writer.Flag(version.IsTombstone);
            writer.Bytes(version.Value.Span);
            writer.Signed(version.CreateRevision);
            writer.Signed(version.ModRevision);
            writer.Signed(version.Version);
            writer.Signed(version.Lease);
            writer.Signed(version.CreatedAtUnixMs);
            writer.Signed(version.ModifiedAtUnixMs);
            writer.Flag(version.Attributes is not null);
            if (version.Attributes is { } attributes)
            {
                writer.Unsigned(attributes.Flags);
                writer.Signed(attributes.LockIndex);
                writer.Signed(attributes.DataVersion);
                writer.Signed(attributes.AccessListId);
            }

            if (oldest) break;
        }

        writer.Flag(false);
    }

    private static void AppendLeases(KvView view, ByteWriter writer, IncrementalHash hash)
    {
        writer.Unsigned((uint)view.Leases.Count);
        foreach (var lease in view.Leases.Values)
        {
            writer.Signed(lease.Id);
            writer.Signed(lease.TtlSeconds);
            writer.Signed(lease.Deadline.Ticks);
            writer.Unsigned((uint)lease.Keys.Count);
            foreach (var key in lease.Keys) writer.Bytes(key);
            Flush(writer, hash, FlushAt);
        }
    }

    private static void AppendSessions(KvView view, ByteWriter writer, IncrementalHash hash)
    {
        writer.Unsigned((uint)view.Sessions.Count);
        foreach (var session in view.Sessions.Values)
        {
            writer.Fixed64(session.Id);
            writer.Signed(session.AcknowledgedBelow);
            writer.Signed(session.LastUsed.Ticks);
            foreach (var (number, result) in session.Results())
            {
                writer.Flag(true);
                writer.Signed(number);
                CommandCodec.WriteResult(writer, result);
                Flush(writer, hash, FlushAt);
            }

            writer.Flag(false);
        }
    }

    private static void AppendAuth(AuthState auth, ByteWriter writer, IncrementalHash hash)
    {
        if (auth.IsUntouched) return;
        AuthRecord.WriteSwitch(writer, auth);
        foreach (var user in auth.Users.Values) AuthRecord.Write(writer, user);
        foreach (var role in auth.Roles.Values) AuthRecord.Write(writer, role);
        foreach (var (id, token) in auth.Tokens.All)
        {
            AuthRecord.Write(writer, id, token);
            Flush(writer, hash, FlushAt);
        }
    }

    private static void Flush(ByteWriter writer, IncrementalHash hash, int from)
    {
        if (writer.Length < from) return;
        hash.AppendData(writer.Written);
        writer.Clear();
    }
}
