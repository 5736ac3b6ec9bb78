using System.Buffers.Binary;
using System.Security.Cryptography;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>A mistake in what surrounds the state machine and the client side. None of them can be made in the product: they live in this world only.</summary>
internal enum WholeDefect
{
    None,

    /// <summary>A new leader's log time starts ahead.</summary>
    LeasesAgeAtTakeover,

    /// <summary>Leases end by the leader's wall clock.</summary>
    LeasesByWallClock,

    /// <summary>On an idle store nobody moves log time on.</summary>
    IdleStoreForgetsLeases,

    /// <summary>A keep-alive is answered by the node that is asked, without the log.</summary>
    KeepAliveWithoutLog,

    /// <summary>A lease is never renewed, whatever is answered.</summary>
    KeepAliveChangesNothing,

    /// <summary>A snapshot leaves out client sessions.</summary>
    SnapshotWithoutSessions,

    /// <summary>A snapshot leaves out users and roles.</summary>
    SnapshotWithoutAuth,

    /// <summary>A node compacts by itself.</summary>
    CompactsAlone,

    /// <summary>A command's caller is forgotten on the way into the log.</summary>
    CallerForgotten,

    /// <summary>A read is judged by the users and roles there were when it was asked.</summary>
    ReadJudgedEarly,

    /// <summary>A watch goes on after its user lost the permission.</summary>
    WatchKeepsPermission,

    /// <summary>A linearizable read is answered at once from what the node has applied.</summary>
    ReadWithoutBarrier,

    /// <summary>A request whose outcome is unknown is told not to have happened.</summary>
    UnknownToldAsDenied,

    /// <summary>A repeated request is taken for a new one.</summary>
    RepeatGetsNewNumber,

    /// <summary>After a snapshot was installed watches stay with the state before it.</summary>
    InstallLeavesWatchesBehind,

    /// <summary>A watch that is opened anew starts from now.</summary>
    WatchResumesFromNow,

    /// <summary>A watch that is opened anew starts with what it had last.</summary>
    WatchRepeatsLast,

    /// <summary>A slow reader loses what does not fit.</summary>
    SlowWatchLoses,

    /// <summary>A batch of events ends within a revision.</summary>
    WatchTearsRevision,

    /// <summary>A watch that has not caught up says that it has.</summary>
    ProgressAhead,
}

/// <summary>Carries out the mistakes that are made with data.</summary>
internal static class Tampering
{
    // Tags of records in a snapshot.
    private const byte SessionTag = 6, ResultTag = 7, EndTag = 10, AuthTag = 11, UserTag = 12, RoleTag = 13, TokenTag = 14;

    public static LogBatch WithBatch(WholeDefect defect, LogBatch batch, int node, ref ulong term)
    {
        var newTerm = batch.Term > term;
        term = Math.Max(term, batch.Term);
        return defect switch
        {
            WholeDefect.LeasesAgeAtTakeover when newTerm => batch with { LogTime = batch.LogTime + TimeSpan.FromMilliseconds(300) },
            WholeDefect.LeasesByWallClock => batch with { LogTime = TimeSpan.FromMilliseconds(Math.Max(0, batch.WallClockUnixMs)) },
            WholeDefect.KeepAliveChangesNothing => With(batch, e => e.Command is LeaseKeepAliveCommand k ? e with { Command = k with { Ids = [] } } : e),
            WholeDefect.CallerForgotten => With(batch, e => e with { Command = e.Command with { Caller = Caller.Node } }),
            WholeDefect.RepeatGetsNewNumber => With(batch, e => e.Command is OpenClientSessionCommand ? e
                : e with { RequestNumber = (batch.Slot * 1_000) + e.RequestNumber, AcknowledgedBelow = 0 }),
            WholeDefect.CompactsAlone when node == 0 => With(batch, e => e.Command is CompactCommand c ? e with { Command = c with { Revision = c.Revision + 1 } } : e),
            _ => batch,
        };
    }

    private static LogBatch With(LogBatch batch, Func<CommandEnvelope, CommandEnvelope> change) => batch with
    {
        Commands = [.. batch.Commands.Select(bytes =>
        {
            var was = CommandCodec.Decode(bytes);
            var now = change(was);
            return ReferenceEquals(was, now) ? bytes : CommandCodec.Encode(now.ClientId, now.RequestNumber, now.AcknowledgedBelow, now.Command);
        })],
    };

    /// <summary>Leaves records out of a snapshot and makes its checksum good again.</summary>
    public static byte[] WithSnapshot(WholeDefect defect, byte[] snapshot) => defect switch
    {
        WholeDefect.SnapshotWithoutSessions => Without(snapshot, SessionTag, ResultTag),
        WholeDefect.SnapshotWithoutAuth => Without(snapshot, AuthTag, UserTag, RoleTag, TokenTag),
        _ => snapshot,
    };

    private static byte[] Without(byte[] snapshot, params byte[] dropped)
    {
        var kept = new List<byte>(snapshot[..KvSnapshotHeader.Length]);
        for (var at = KvSnapshotHeader.Length; at < snapshot.Length;)
        {
            var length = 4 + (int)BinaryPrimitives.ReadUInt32LittleEndian(snapshot.AsSpan(at));
            if (snapshot[at + 4] == EndTag)
            {
                var digest = SHA256.HashData(kept.ToArray());
                kept.AddRange(snapshot.AsSpan(at, 5));
                kept.AddRange(digest);
            }
            else if (!dropped.Contains(snapshot[at + 4])) kept.AddRange(snapshot.AsSpan(at, length));
            at += length;
        }

        return [.. kept];
    }
}
