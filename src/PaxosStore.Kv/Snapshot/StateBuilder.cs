using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>Puts a state together from the records of a snapshot, and refuses what no state can have written.</summary>
internal sealed class StateBuilder(KvSnapshotHeader header)
{
    private readonly KvState _state = new() { Slot = header.Slot, Term = header.Term, LogTime = header.LogTime };
    private SnapshotTag _last;
    private SnapshotCounters _counters;
    private ClientSession? _session;
    private byte[]? _key;
    private ulong _sessions;
    private long _versions;
    private long _revision;
    private long _number;
    private long _lease = long.MinValue;
    private AuthBuilder? _auth;

    /// <summary>Takes the next record.</summary>
    /// <exception cref="FormatException">It can't stand there.</exception>
    public void Take(ReadOnlyMemory<byte> record)
    {
        var reader = new ByteReader(record);
        var tag = (SnapshotTag)reader.Byte();
        Demand((_last == 0) == (tag == SnapshotTag.Counters), "counters do not stand first and once");
        Demand(Order(tag) >= Order(_last), "it stands behind records that it must precede");
        _last = tag;
        switch (tag)
        {
            case SnapshotTag.Counters:
                _counters = SnapshotRecord.ReadCounters(ref reader);
                break;
            case SnapshotTag.Lease:
                Take(SnapshotRecord.ReadLease(ref reader));
                break;
            case SnapshotTag.Base:
                TakeBase(SnapshotRecord.ReadVersion(ref reader, isTombstone: false));
                break;
            case SnapshotTag.Put or SnapshotTag.Delete:
                TakeEvent(SnapshotRecord.ReadVersion(ref reader, isTombstone: tag == SnapshotTag.Delete));
                break;
            case SnapshotTag.Session:
                Take(SnapshotRecord.ReadSession(ref reader, _state.Store.Edit));
                break;
            case SnapshotTag.Result:
                TakeResult(ref reader);
                break;
            case SnapshotTag.Member:
                Take(SnapshotRecord.ReadMember(ref reader));
                break;
            case SnapshotTag.Alarm:
                Take(CommandCodec.ReadAlarm(ref reader));
                break;
            case SnapshotTag.Auth:
                Demand(_auth is null, "users and roles are announced twice");
                _auth = new AuthBuilder(ref reader);
                break;
            case SnapshotTag.User or SnapshotTag.Role or SnapshotTag.Token:
                Demand(_auth is not null, "users and roles are not announced");
                _auth.Take(tag, ref reader);
                break;
            default:
                throw new FormatException($"record {(byte)tag} is unknown");
        }

        reader.End();
    }

    /// <summary>The state, once all its records have been taken.</summary>
    /// <exception cref="FormatException">Something is missing or differs from what the snapshot says of itself.</exception>
    public KvState Finish()
    {
        var store = _state.Store;
        Demand(_last != 0, "counters are missing");
        Demand(_versions == header.Versions, $"{_versions} of {header.Versions} versions are there");
        Demand((ulong)store.Leases.Table.Count == _counters.Leases, $"{store.Leases.Table.Count} of {_counters.Leases} leases are there");
        Demand(_sessions == _counters.Sessions, $"{_sessions} of {_counters.Sessions} client sessions are there");
        Demand((ulong)_state.Members.Count == _counters.Members, $"{_state.Members.Count} of {_counters.Members} members are there");
        Demand((ulong)_state.Alarms.Count == _counters.Alarms, $"{_state.Alarms.Count} of {_counters.Alarms} alarms are there");
        if (_auth is not null) _state.Auth = _auth.Finish();
        store.FinishRestore(header.Revision, header.CompactRevision, _counters.WallClockUnixMs);
        AttachKeys();
        var view = _state.TakeView();
        Demand((view.Root?.Live ?? 0) == header.LiveKeys, $"{view.Root?.Live ?? 0} of {header.LiveKeys} keys are alive");
        Demand(view.DataBytes == _counters.DataBytes, $"live keys take {view.DataBytes} bytes, not {_counters.DataBytes}");
        Demand(view.Checksum == _counters.Checksum, "the checksum of the live keys and leases is another");
        return _state;
    }

    private static int Order(SnapshotTag tag) => tag switch
    {
        SnapshotTag.Delete => (int)SnapshotTag.Put,
        SnapshotTag.Result => (int)SnapshotTag.Session,
        _ => (int)tag,
    };

    private void Take(KeyLease lease)
    {
        Demand(lease.Id > _lease, "leases are not in order");
        Demand(lease.Deadline >= TimeSpan.Zero, "a deadline lies before the beginning of time");
        _lease = lease.Id;
        _state.Store.Leases.Restore(lease);
    }

    private void TakeBase(KeyVersion version)
    {
        Demand(_key is null || version.Key.AsSpan().SequenceCompareTo(_key) > 0, "keys are not in order");
        Demand(version.ModRevision < header.CompactRevision, "a version that is no event was made at or above the compact revision");
        _key = version.Key;
        TakeVersion(version);
        _state.Store.RestoreBase(version);
    }

    private void TakeEvent(KeyVersion version)
    {
        Demand(version.ModRevision >= Math.Max(header.CompactRevision, _revision), "events are not in order");
        Demand(version.ModRevision <= header.Revision, "an event lies in the future");
        _revision = version.ModRevision;
        TakeVersion(version);
        _state.Store.RestoreEvent(version);
    }

    private void TakeVersion(KeyVersion version)
    {
        _versions++;
        Demand(version.ModRevision > 0, "a revision is not positive");
        if (version.IsTombstone) return;
        Demand(version.CreateRevision > 0 && version.CreateRevision <= version.ModRevision, "a key was changed before it was created");
        Demand(version.Version > 0, "a version is not positive");
    }

    private void Take(ClientSession session)
    {
        Demand(_session is null || session.Id > _session.Id, "client sessions are not in order");
        Demand(session.LastUsed >= TimeSpan.Zero && session.LastUsed <= header.LogTime, "a client session was used in the future");
        Demand(++_sessions <= ClientSessions.MostSessions, "there are too many client sessions");
        _session = session;
        _number = -1;
        _state.Sessions.Restore(session);
    }

    private void TakeResult(ref ByteReader reader)
    {
        var number = reader.Signed();
        Demand(_session is not null, "a result belongs to no client session");
        Demand(number > _number && number >= _session!.AcknowledgedBelow, "results are not in order");
        Demand(number - _session.AcknowledgedBelow < ClientSession.MostResults, "a client session remembers too much");
        _number = number;

        // Byte strings of the result are slices of what it is read from: it gets memory of its own.
        var own = new ByteReader(reader.Rest().ToArray());
        _session.Remember(number, CommandCodec.ReadResult(ref own));
        own.End();
    }

    private void Take((ulong Id, MemberAttributes Attributes) member)
    {
        Demand(_state.Members.IsEmpty || member.Id > _state.Members.Keys.Last(), "members are not in order");
        _state.Members = _state.Members.Add(member.Id, member.Attributes);
    }

    private void Take(AlarmInfo alarm)
    {
        Demand(_state.Alarms.IsEmpty || _state.Alarms.KeyComparer.Compare(alarm, _state.Alarms.Max) > 0, "alarms are not in order");
        Demand(alarm.Kind != AlarmKind.None, "an alarm is none");
        _state.Alarms = _state.Alarms.Add(alarm);
    }

    /// <summary>Which keys a lease has is said by the keys.</summary>
    private void AttachKeys()
    {
        var byLease = new Dictionary<long, ImmutableSortedSet<byte[]>.Builder>();
        KeyTree.ForEachHead(_state.Store.Root, head =>
        {
            if (head.Lease == 0) return;
            Demand(_state.Store.Leases.Contains(head.Lease), $"a key has lease {head.Lease}, which there is not");
            if (!byLease.TryGetValue(head.Lease, out var keys)) byLease.Add(head.Lease, keys = KeyLeases.NoKeys.ToBuilder());
            keys.Add(head.Key);
        });
        foreach (var (id, keys) in byLease) _state.Store.Leases.AttachAll(id, keys.ToImmutable());
    }

    private static void Demand([System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool holds, string otherwise)
    {
        if (!holds) throw new FormatException(otherwise);
    }
}
