using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>What alarms do to commands.</summary>
internal static class Alarm
{
    public static ImmutableSortedSet<AlarmInfo> NoneUp { get; } = ImmutableSortedSet.Create<AlarmInfo>(Comparer<AlarmInfo>.Create((x, y) =>
        x.MemberId != y.MemberId ? x.MemberId.CompareTo(y.MemberId) : x.Kind.CompareTo(y.Kind)));

    public static bool IsUp(this ImmutableSortedSet<AlarmInfo> alarms, AlarmKind kind)
    {
        foreach (var alarm in alarms)
        {
            if (alarm.Kind == kind) return true;
        }

        return false;
    }

    /// <summary>The alarms after a command, and those it concerned: the one raised, also when it was up already, or those disarmed.</summary>
    public static (ImmutableSortedSet<AlarmInfo> After, ImmutableArray<AlarmInfo> Changed) Change(
        this ImmutableSortedSet<AlarmInfo> alarms, AlarmCommand command)
    {
        // No kind is no alarm: there is nothing to raise or to disarm.
        if (command.Kind == AlarmKind.None) return (alarms, []);
        var named = new AlarmInfo(command.MemberId, command.Kind);
        if (command.Raise) return (alarms.Add(named), [named]);
        ImmutableArray<AlarmInfo> gone = [.. alarms.Where(a => a.Kind == command.Kind && (command.MemberId == 0 || a.MemberId == command.MemberId))];
        return (alarms.Except(gone), gone);
    }

    /// <summary>Why an alarm forbids <paramref name="command"/>, or <see cref="KvErrorCode.None"/>.</summary>
    public static KvErrorCode Check(this ImmutableSortedSet<AlarmInfo> alarms, KvCommand command)
    {
        if (alarms.IsEmpty) return KvErrorCode.None;

        // Leases are kept alive all the same: they also end no more (see KvStateMachine.ExpireLeases), so nothing is changed by it.
        if (alarms.IsUp(AlarmKind.Corrupt) && command is (WriteCommand or CompactCommand or LeaseGrantCommand or LeaseRevokeCommand))
            return KvErrorCode.Corrupt;
        return alarms.IsUp(AlarmKind.NoSpace) && AddsData(command) ? KvErrorCode.NoSpace : KvErrorCode.None;
    }

    private static bool AddsData(KvCommand command) => command is LeaseGrantCommand || (command is WriteCommand write && HasPut(write.Op));

    /// <summary>Whether a put stands in any branch, taken or not: so the answer does not depend on what the comparisons find.</summary>
    private static bool HasPut(KvOp op) => op is PutOp || (op is TxnOp txn && (HasPut(txn.Success) || HasPut(txn.Failure)));

    private static bool HasPut(ImmutableArray<KvOp> ops)
    {
        if (ops.IsDefault) return false;
        foreach (var op in ops)
        {
            if (HasPut(op)) return true;
        }

        return false;
    }
}
