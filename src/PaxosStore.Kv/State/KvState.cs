using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>Everything the log has decided, as the applier changes it. A machine can be given another one whole.</summary>
internal sealed class KvState
{
    public MvccStore Store { get; private init; } = new();

    public ClientSessions Sessions { get; } = new();

    public ImmutableSortedDictionary<ulong, MemberAttributes> Members { get; set; } = ImmutableSortedDictionary<ulong, MemberAttributes>.Empty;

    /// <summary>Alarms that are up, by member and kind.</summary>
    public ImmutableSortedSet<AlarmInfo> Alarms { get; set; } = Alarm.NoneUp;

    /// <summary>Users, roles and tokens.</summary>
    public AuthState Auth { get; set; } = AuthState.Initial;

    public ulong Term { get; set; }

    public long Slot { get; set; }

    public TimeSpan LogTime { get; set; }

    public KvView TakeView() => new(this);

    /// <summary>This state as the first one of a new cluster. Users and roles stay, nobody is signed in.</summary>
    public KvState Renew(RestoreOptions options)
    {
        Store.CompactAll(options.RevisionJump);
        foreach (var id in Store.Leases.Table.Keys) Store.Leases.KeepAlive(id, LogTime);
        return new KvState { Store = Store, Auth = Auth.WithoutTokens(), Term = Term, Slot = options.Slot ?? Slot, LogTime = LogTime };
    }
}
