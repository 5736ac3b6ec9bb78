using static PaxosStore.Kv.Tests.SnapshotDraft;

namespace PaxosStore.Kv.Tests;

/// <summary>What no state can have written is refused by the reason that applies, also where the SHA-256 is right.</summary>
public class SnapshotRefusalTests
{
    private const long AuthRevision = 6;
    private const long Written = 1_004;
    private static readonly RefusedResult Refusal = new(KvErrorCode.Compacted) { Revision = 5, Term = 1 };

    // One client session with results, users, roles and a token beside the rest.
    private static SnapshotDraft Draft()
    {
        var machine = new Machine { Time = TimeSpan.FromSeconds(10) };
        machine.Run(new LeaseGrantCommand(6, 60));
        SnapshotTests.Fill(machine);
        machine.Run(new RoleAddCommand("root"));
        machine.Run(new RoleAddCommand("r"));
        machine.Run(new RoleGrantCommand("r", new Permission(Access.Read, Bytes.Range("a", "b"))));
        machine.Run(new UserAddCommand("root", "h"));
        machine.Run(new UserRoleCommand("root", "root", true));
        machine.Run(new AuthSwitchCommand(true));
        machine.Run(new AuthenticateCommand("root", machine.View.Auth.Revision, "t", 500) { Caller = Caller.Node });
        Assert.Equal((AuthRevision, Written), (machine.View.Auth.Revision, machine.View.Root!.Head.CreatedAtUnixMs));
        return new SnapshotDraft(Bytes.Snapshot(machine.View));
    }

    private static readonly Dictionary<string, (Action<SnapshotDraft> Edit, string Reason)> Cases = new()
    {
        ["slot"] = (d => d.Header = d.Header with { Slot = -1 }, "header is damaged"),
        ["revision"] = (d => d.Header = d.Header with { Revision = 0, CompactRevision = -1 }, "header is damaged"),
        ["compact revision"] = (d => d.Header = d.Header with { CompactRevision = -2 }, "header is damaged"),
        ["compacted ahead"] = (d => d.Header = d.Header with { CompactRevision = 6 }, "header is damaged"),
        ["live keys"] = (d => d.Header = d.Header with { LiveKeys = -1 }, "header is damaged"),
        ["more keys than versions"] = (d => d.Header = d.Header with { LiveKeys = 4 }, "header is damaged"),
        ["log time"] = (d => d.Header = d.Header with { LogTime = TimeSpan.FromTicks(-1) }, "header is damaged"),

        ["nothing at all"] = (d => d.Records.Clear(), "counters are missing"),
        ["no counters"] = (d => d.Records.RemoveAt(0), "counters do not stand first and once"),
        ["counters twice"] = (d => d.Repeat(SnapshotTag.Counters), "counters do not stand first and once"),
        ["a token first"] = (d => (d.Records[^1], d.Records[1]) = (d.Records[1], d.Records[^1]), "users and roles are not announced"),
        ["a lease late"] = (d => d.Records.Insert(d.Find(SnapshotTag.Base) + 1, Record(SnapshotTag.Lease, w => Lease(w, 7))), "stands behind records that it must precede"),
        ["a base late"] = (d => d.Records.Insert(d.Find(SnapshotTag.Put) + 1, Version(SnapshotTag.Base, "x", 2)), "stands behind records that it must precede"),
        ["an unknown record"] = (d => d.Records.Add([99]), "record 99 is unknown"),
        ["too long a record"] = (d => d.Records[1] = [.. d.Records[1], 0], "bytes are left over"),

        ["a lease twice"] = (d => d.Repeat(SnapshotTag.Lease), "leases are not in order"),
        ["a deadline before all"] = (d => d.Replace(SnapshotTag.Lease, w => Lease(w, 5, -1)), "a deadline lies before"),
        ["another deadline"] = (d => d.Replace(SnapshotTag.Lease, w => Lease(w, 5, 0)), "the checksum of the live keys and leases"),
        ["a lease less"] = (d => d.Records.RemoveAt(d.Find(SnapshotTag.Lease) + 1), "1 of 2 leases"),
        ["the lease of a key"] = (d => d.Replace(SnapshotTag.Lease, w => Lease(w, 4)), "a key has lease 5, which there is not"),
        ["a key twice"] = (d => d.Repeat(SnapshotTag.Base), "keys are not in order"),
        ["a base as an event"] = (d => d.Records[d.Find(SnapshotTag.Base)] = Version(SnapshotTag.Base, "a", 4), "made at or above the compact revision"),
        ["a base at zero"] = (d => d.Records[d.Find(SnapshotTag.Base)] = Version(SnapshotTag.Base, "a", 0, created: 0), "a revision is not positive"),
        ["an event below"] = (d => d.Records[d.Find(SnapshotTag.Put)] = Version(SnapshotTag.Put, "b", 3), "events are not in order"),
        ["an event after a later one"] = (d => d.Swap(SnapshotTag.Put, SnapshotTag.Delete), "events are not in order"),
        ["an event of the future"] = (d => d.Records[d.Find(SnapshotTag.Put)] = Version(SnapshotTag.Put, "b", 6), "an event lies in the future"),
        ["never created"] = (d => d.Records[d.Find(SnapshotTag.Put)] = Version(SnapshotTag.Put, "b", 4, created: 0), "changed before it was created"),
        ["created late"] = (d => d.Records[d.Find(SnapshotTag.Put)] = Version(SnapshotTag.Put, "b", 4, created: 5), "changed before it was created"),
        ["version zero"] = (d => d.Records[d.Find(SnapshotTag.Put)] = Version(SnapshotTag.Put, "b", 4, version: 0), "a version is not positive"),
        ["a version less"] = (d => d.Records.RemoveAt(d.Find(SnapshotTag.Delete)), "2 of 3 versions"),
        ["another value"] = (d => d.Records[d.Find(SnapshotTag.Base)] = Version(SnapshotTag.Base, "a", 2, value: "9", lease: 5), "the checksum of the live keys"),
        ["a longer value"] = (d => d.Records[d.Find(SnapshotTag.Base)] = Version(SnapshotTag.Base, "a", 2, value: "11", lease: 5), "live keys take"),
        ["another number of keys"] = (d => d.Header = d.Header with { LiveKeys = 2 }, "1 of 2 keys are alive"),

        ["a session twice"] = (d => d.Repeat(SnapshotTag.Session), "client sessions are not in order"),
        ["a lower session behind"] = (d => d.Records.Insert(d.Find(SnapshotTag.Member), Record(SnapshotTag.Session, w => Session(w, 0, 0, Machine.Client - 1))), "client sessions are not in order"),
        ["a session of no time"] = (d => d.Replace(SnapshotTag.Session, w => Session(w, 0, -1)), "used in the future"),
        ["a session of the future"] = (d => d.Replace(SnapshotTag.Session, w => Session(w, 0, TimeSpan.FromSeconds(10).Ticks + 1)), "used in the future"),
        ["a session less"] = (d => d.Records.RemoveAll(r => r[0] is (byte)SnapshotTag.Session or (byte)SnapshotTag.Result), "0 of 1 client sessions"),
        ["a result of nobody"] = (d => d.Records.RemoveAt(d.Find(SnapshotTag.Session)), "a result belongs to no client session"),
        ["a result twice"] = (d => d.Repeat(SnapshotTag.Result), "results are not in order"),
        ["more than a result"] = (d => d.Records[d.Find(SnapshotTag.Result)] = [.. d.Records[d.Find(SnapshotTag.Result)], 0], "bytes are left over"),
        ["an acknowledged result"] = (d => d.Replace(SnapshotTag.Session, w => Session(w, 100, 0)), "results are not in order"),
        ["too many results"] = (d => d.Records.Insert(d.Find(SnapshotTag.Member), Result(6 + ClientSession.MostResults)), "remembers too much"),
        ["a member twice"] = (d => d.Repeat(SnapshotTag.Member), "members are not in order"),
        ["a member between"] = (d => d.Records.InsertRange(d.Find(SnapshotTag.Member) + 1, [Member(5), Member(4)]), "members are not in order"),
        ["a member less"] = (d => d.Records.RemoveAt(d.Find(SnapshotTag.Member)), "0 of 1 members"),
        ["an alarm twice"] = (d => d.Repeat(SnapshotTag.Alarm), "alarms are not in order"),
        ["an alarm between"] = (d => d.Records.InsertRange(d.Find(SnapshotTag.Alarm) + 1, [Alarm(5), Alarm(4)]), "alarms are not in order"),
        ["no alarm"] = (d => d.Replace(SnapshotTag.Alarm, w => CommandCodec.WriteAlarm(w, new AlarmInfo(3, AlarmKind.None))), "an alarm is none"),
        ["an alarm less"] = (d => d.Records.RemoveAt(d.Find(SnapshotTag.Alarm)), "0 of 1 alarms"),

        ["users announced twice"] = (d => d.Repeat(SnapshotTag.Auth), "announced twice"),
        ["users not announced"] = (d => d.Records.RemoveAt(d.Find(SnapshotTag.Auth)), "not announced"),
        ["another number of users"] = (d => d.Replace(SnapshotTag.Auth, w => Auth(w, users: 2)), "1 of 2 users"),
        ["another number of roles"] = (d => d.Replace(SnapshotTag.Auth, w => Auth(w, roles: 1)), "2 of 1 roles"),
        ["another number of tokens"] = (d => d.Replace(SnapshotTag.Auth, w => Auth(w, tokens: 0)), "1 of 0 tokens"),
        ["no revision of users"] = (d => d.Replace(SnapshotTag.Auth, w => Auth(w, revision: 0)), "the revision of users and roles is not positive"),
        ["another revision of users"] = (d => d.Replace(SnapshotTag.Auth, w => Auth(w, revision: 1)), "the checksum of the live keys and leases"),
        ["a user twice"] = (d => d.Repeat(SnapshotTag.User), "users, roles or tokens are not in order"),
        ["a role twice"] = (d => d.Repeat(SnapshotTag.Role), "users, roles or tokens are not in order"),
        ["a token twice"] = (d => d.Repeat(SnapshotTag.Token), "users, roles or tokens are not in order"),
        ["the token of nobody"] = (d => d.Replace(SnapshotTag.Token, w => AuthRecord.Write(w, "t", new AuthToken("ann", 500, TimeSpan.Zero))), "a token belongs to no user"),
        ["roles of a user turned round"] = (d => d.Replace(SnapshotTag.User, w => User(w, ["root", "r"])), "roles of a user are not in order"),
        ["a role of a user twice"] = (d => d.Replace(SnapshotTag.User, w => User(w, ["r", "r"])), "roles of a user are not in order"),
        ["a permission twice"] = (d => d.Replace(SnapshotTag.Role, w => AuthRecord.Write(w, new AuthRole("r", [Reading("a"), Reading("a")]))), "permissions are not in order"),
        ["permissions turned round"] = (d => d.Replace(SnapshotTag.Role, w => AuthRecord.Write(w, new AuthRole("r", [Reading("b"), Reading("a")]))), "permissions are not in order"),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Refused(string name)
    {
        var draft = Draft();
        Cases[name].Edit(draft);
        var error = Assert.Throws<FormatException>(() => Bytes.Restore(draft.ToBytes()));
        Assert.Contains(Cases[name].Reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Put_together_rightly_it_is_the_snapshot_it_was()
    {
        var draft = Draft();
        var bytes = draft.ToBytes();
        Assert.Equal(bytes, Bytes.Snapshot(Bytes.Restore(bytes).View));

        // The records that the cases put in the place of others are themselves as they should be.
        draft.Replace(SnapshotTag.Lease, w => Lease(w, 5));
        draft.Records[draft.Find(SnapshotTag.Base)] = Version(SnapshotTag.Base, "a", 2, value: "1", lease: 5);
        draft.Replace(SnapshotTag.Auth, w => Auth(w));
        draft.Replace(SnapshotTag.User, w => User(w, ["root"]));
        var state = Bytes.Restore(draft.ToBytes()).View;
        Assert.Equal((5L, 1), (state.Revision, state.Root!.Live));
    }

    /// <summary>The last values that are right, one before those that are refused above.</summary>
    [Fact]
    public void At_the_bounds_it_is_taken()
    {
        var draft = Draft();
        draft.Replace(SnapshotTag.Session, w => Session(w, 0, TimeSpan.FromSeconds(10).Ticks));
        draft.Records.Insert(draft.Find(SnapshotTag.Member), Result(ClientSession.MostResults - 1));
        var session = Bytes.Restore(draft.ToBytes()).View.Sessions[Machine.Client];
        Assert.Equal((TimeSpan.FromSeconds(10), Refusal), (session.LastUsed, session.Find(ClientSession.MostResults - 1)));
        var empty = new KvSnapshotHeader(0, 1, -1, 0, 0, TimeSpan.Zero, 0);
        Assert.Equal(empty, KvSnapshotHeader.Parse(empty.ToBytes()));
        var full = new KvSnapshotHeader(0, 7, 7, 3, 3, TimeSpan.Zero, 0);
        Assert.Equal(full, KvSnapshotHeader.Parse(full.ToBytes()));
    }

    [Fact]
    public void What_is_no_snapshot_is_told_from_one_of_another_version()
    {
        var bytes = Draft().ToBytes();
        bytes[0] = (byte)'Q';
        Assert.Contains("does not begin with PXSTORE", Assert.Throws<FormatException>(() => KvSnapshotHeader.Parse(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_of_a_key_are_kept()
    {
        var version = new KeyVersion([1], Bytes.Of("v"), 7, isTombstone: false)
        {
            CreateRevision = 7,
            Version = 1,
            Attributes = new KeyAttributes(300, -2, 3, 4),
        };
        var writer = new ByteWriter(16);
        var value = SnapshotRecord.WriteVersion(writer, version);
        var reader = new ByteReader((byte[])[.. writer.Written, .. value.Span]);
        var read = SnapshotRecord.ReadVersion(ref reader, isTombstone: false);
        Assert.Equal(version.Attributes, read.Attributes);
        Assert.Equal("v", Bytes.Text(read.Value));
    }

    [Theory]
    [InlineData(0u, "a record can't be 0 bytes long")]
    [InlineData(uint.MaxValue, "a record can't be 4294967295 bytes long")]
    [InlineData(0x7FFFFFC4u, "a record can't be 2147483588 bytes long")]
    public void A_length_that_no_record_has_is_refused_before_anything_is_reserved(uint length, string reason)
    {
        var bytes = Draft().ToBytes();
        BitConverter.GetBytes(length).CopyTo(bytes, KvSnapshotHeader.Length);
        Assert.Contains(reason, Assert.Throws<FormatException>(() => Bytes.Restore(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_hash_is_refused_and_the_reader_is_of_no_use_any_more()
    {
        var bytes = Draft().ToBytes();
        bytes[^1] ^= 1;
        using var reader = new KvSnapshotReader();
        Assert.Contains("SHA-256", Assert.Throws<FormatException>(() => reader.Add(bytes)).Message, StringComparison.Ordinal);
        Assert.Contains("damaged before", Assert.Throws<FormatException>(() => reader.Add([])).Message, StringComparison.Ordinal);
        Assert.Contains("damaged before", Assert.Throws<FormatException>(() => reader.Complete()).Message, StringComparison.Ordinal);
        Assert.False(reader.IsComplete);
    }

    private static Permission Reading(string key) => new(Access.Read, KeyRange.SingleKey(Bytes.Of(key)));

    private static void Lease(ByteWriter writer, long id, long deadline = 700_000_000)
    {
        writer.Signed(id);
        writer.Signed(60);
        writer.Signed(deadline);
    }

    private static byte[] Version(SnapshotTag tag, string key, long revision, string value = "3", long created = 2, long version = 1, long lease = 0)
    {
        var made = new KeyVersion(Bytes.Of(key).ToArray(), Bytes.Of(value), revision, isTombstone: false)
        {
            CreateRevision = created,
            Version = version,
            Lease = lease,
            CreatedAtUnixMs = Written,
            ModifiedAtUnixMs = Written,
        };
        return [.. Record(tag, w => SnapshotRecord.WriteVersion(w, made)), .. made.Value.Span];
    }

    private static byte[] Member(ulong id) => Record(SnapshotTag.Member, w => SnapshotRecord.WriteMember(w, id, new MemberAttributes("m", ["u"], 1)));

    private static byte[] Alarm(ulong member) => Record(SnapshotTag.Alarm, w => CommandCodec.WriteAlarm(w, new AlarmInfo(member, AlarmKind.NoSpace)));

    private static void Session(ByteWriter writer, long acknowledgedBelow, long lastUsedTicks, ulong id = Machine.Client)
    {
        writer.Fixed64(id);
        writer.Signed(acknowledgedBelow);
        writer.Signed(lastUsedTicks);
    }

    private static byte[] Result(long number) => Record(SnapshotTag.Result, w =>
    {
        w.Signed(number);
        CommandCodec.WriteResult(w, Refusal);
    });

    private static void Auth(ByteWriter writer, long revision = AuthRevision, ulong users = 1, ulong roles = 2, ulong tokens = 1)
    {
        writer.Flag(true);
        writer.Signed(revision);
        writer.Unsigned(users);
        writer.Unsigned(roles);
        writer.Unsigned(tokens);
    }

    private static void User(ByteWriter writer, string[] roles)
    {
        writer.Text("root");
        writer.Flag(true);
        writer.Text("h");
        CommandCodec.WriteTexts(writer, [.. roles]);
    }
}
