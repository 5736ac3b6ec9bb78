using System.Collections.Immutable;
using CsCheck;

namespace PaxosStore.Kv.Tests;

public class AuthTests
{
    private static readonly Caller Root = new("root", long.MaxValue);

    private static Caller As(string user) => new(user, long.MaxValue);

    /// <summary>A machine whose callers are checked; commands without a caller are the node's.</summary>
    private static Machine Checked(params (string User, Access Access, KeyRange Range)[] grants)
    {
        var machine = new Machine();
        Add(machine, "root");
        foreach (var (user, access, range) in grants)
        {
            if (!machine.View.Auth.Users.ContainsKey(user)) Add(machine, user);
            Done(machine, new RoleGrantCommand(user, new Permission(access, range)));
        }

        Done(machine, new AuthSwitchCommand(Enable: true));
        return machine;
    }

    private static void Add(Machine machine, string name)
    {
        Done(machine, new UserAddCommand(name, "hash of " + name));
        Done(machine, new RoleAddCommand(name));
        Done(machine, new UserRoleCommand(name, name, Grant: true));
    }

    private static void Done(Machine machine, KvCommand command) => Assert.IsType<DoneResult>(machine.Run(command with { Caller = command.Caller ?? Caller.Node }));

    private static KvErrorCode Refusal(Machine machine, KvCommand command)
    {
        var before = machine.View;
        if (machine.Run(command) is not RefusedResult refused) return KvErrorCode.None;
        Assert.Equal((before.Revision, before.Auth.Revision), (machine.View.Revision, machine.View.Auth.Revision));
        return refused.Code;
    }

    private static WriteCommand Put(string key, Caller? caller, long lease = 0) =>
        new(new PutOp(Bytes.Of(key), Bytes.Of("v")) { Lease = lease }) { Caller = caller };

    [Fact]
    public void Checking_needs_root_with_its_role_and_begins_with_the_next_command()
    {
        var machine = new Machine();
        Assert.Equal(KvErrorCode.RootUserNotExist, Refusal(machine, new AuthSwitchCommand(true)));
        machine.Run(new UserAddCommand("root", "h"));
        Assert.Equal(KvErrorCode.RootRoleNotExist, Refusal(machine, new AuthSwitchCommand(true)));
        machine.Run(new UserRoleCommand("root", "root", true));
        var revision = machine.View.Auth.Revision;
        var results = machine.RunAll([new AuthSwitchCommand(true), Put("k", null), Put("k", Root), new AuthSwitchCommand(true) { Caller = Root }]);
        Assert.Equal(KvErrorCode.UserEmpty, Assert.IsType<RefusedResult>(results[1].Result).Code);
        Assert.IsType<WriteResult>(results[2].Result);
        Assert.IsType<DoneResult>(results[3].Result);
        Assert.Equal((true, revision), (machine.View.Auth.Enabled, machine.View.Auth.Revision));
        Done(machine, new AuthSwitchCommand(false) { Caller = Root });
        Assert.Equal((false, revision + 1), (machine.View.Auth.Enabled, machine.View.Auth.Revision));
        Assert.IsType<WriteResult>(machine.Run(Put("k", null)));
    }

    [Fact]
    public void Callers_are_judged_where_commands_are_applied()
    {
        var machine = Checked(("ann", Access.Write, Bytes.Range("a", "b")));
        var now = machine.View.Auth.Revision;
        Assert.Equal(KvErrorCode.UserEmpty, Refusal(machine, Put("a", null)));
        Assert.Equal(KvErrorCode.AuthOldRevision, Refusal(machine, Put("a", new Caller("ann", now - 1))));
        Assert.Equal(KvErrorCode.None, Refusal(machine, Put("a", new Caller("ann", now))));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, Put("b", As("ann"))));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, Put("a", As("nobody"))));
        Assert.Equal(KvErrorCode.None, Refusal(machine, Put("b", Caller.Node)));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, new CompactCommand(2) { Caller = As("ann") }));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, new AlarmCommand(true, 1, AlarmKind.NoSpace) { Caller = As("ann") }));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, new PublishMemberCommand(1, "n", []) { Caller = As("ann") }));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, new TouchTokensCommand([]) { Caller = As("ann") }));
        Assert.Equal(KvErrorCode.UserEmpty, Refusal(machine, new TouchTokensCommand([])));

        // A change by anybody makes every caller show its credentials again.
        Done(machine, new RoleAddCommand("new"));
        Assert.Equal(KvErrorCode.AuthOldRevision, Refusal(machine, Put("a", new Caller("ann", now))));
        Done(machine, new UserDeleteCommand("ann"));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, Put("a", As("ann"))));
    }

    /// <summary>The permissions of two roles against the keys one by one, in a space small enough to try them all.</summary>
    [Fact]
    public void Permissions_unite_to_what_their_keys_say()
    {
        string[] keys = ["a", "aa", "ab", "b", "ba", "bb", "c", "ca", "cb"];
        var anyRange = Gen.Select(Pick(keys), Pick([null, "", .. keys])).Select(
            (start, end) => new KeyRange(Bytes.Of(start), end is null ? null : (ReadOnlyMemory<byte>?)Bytes.Of(end)));
        var anyGrant = Gen.Select(Gen.Int[1, 3], anyRange, Gen.Bool);
        Gen.Select(anyGrant.Array[0, 6], anyRange, Gen.Int[1, 3]).Sample(
            (grants, asked, access) =>
            {
                var machine = Checked(("ann", Access.None, KeyRange.SingleKey(Bytes.Of("z"))));
                Done(machine, new RoleAddCommand("two"));
                Done(machine, new UserRoleCommand("ann", "two", true));
                foreach (var (kind, range, second) in grants) Done(machine, new RoleGrantCommand(second ? "two" : "ann", new Permission((Access)kind, range)));

                // The later grant for the same range of the same role counts; between roles all do.
                var role = machine.View.Auth.Roles;
                var all = role["ann"].Permissions.AddRange(role["two"].Permissions);
                var allowed = new[] { Access.Read, Access.Write }.Where(a => ((Access)access).HasFlag(a)).All(a => Covered(all, a, asked));
                var verdict = machine.View.Auth.Check(As("ann"), (Access)access, asked);
                if (!IsEmpty(asked)) Assert.Equal(allowed ? KvErrorCode.None : KvErrorCode.PermissionDenied, verdict);
            },
            iter: 4_000, threads: 2);
    }

    private static Gen<T> Pick<T>(params T[] items) => Gen.Int[0, items.Length - 1].Select(i => items[i]);

    private static bool IsEmpty(KeyRange range) => range.End is { IsEmpty: false } end && range.Start.Span.SequenceCompareTo(end.Span) >= 0;

    /// <summary>Walks from gap to gap: all keys between two neighbouring ends are alike, and each end and its successor begin a gap.</summary>
    private static bool Covered(ImmutableArray<Permission> permissions, Access access, KeyRange asked)
    {
        var marks = permissions.SelectMany(p => new[] { p.Range.Start.ToArray(), p.Range.End is { IsEmpty: false } e ? e.ToArray() : [] })
            .Append(asked.Start.ToArray()).SelectMany(m => new[] { m, [.. m, 0], [.. m, 0, 0] }).Append([0xff, 0xff]).ToArray();
        return marks.Where(m => asked.Contains(m)).All(m => permissions.Any(p => p.Access.HasFlag(access) && p.Range.Contains(m)));
    }

    [Fact]
    public void A_lease_is_shared_only_by_those_who_may_end_its_keys()
    {
        var machine = Checked(("ann", Access.Write, Bytes.Range("a", "b")), ("bob", Access.Write, Bytes.Range("b", "c")));
        machine.Run(new LeaseGrantCommand(5, 60) { Caller = As("ann") });
        machine.Run(new LeaseGrantCommand(6, 60) { Caller = As("bob") });
        Assert.Equal(KvErrorCode.None, Refusal(machine, Put("a", As("ann"), lease: 5)));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, Put("b", As("bob"), lease: 5)));
        Assert.Equal(KvErrorCode.PermissionDenied, Refusal(machine, new LeaseRevokeCommand(5) { Caller = As("bob") }));
        var kept = (LeaseKeepAliveResult)machine.Run(new LeaseKeepAliveCommand([6, 5, 7]) { Caller = As("bob") });
        Assert.Equal([60L, LeaseKeepAliveResult.Denied, 0L], kept.TtlSeconds.ToArray());
        Assert.Equal(KvErrorCode.UserEmpty, Refusal(machine, new LeaseGrantCommand(8, 60)));
        Assert.Equal(KvErrorCode.None, Refusal(machine, new LeaseRevokeCommand(5) { Caller = As("ann") }));

        // Time needs no permission.
        machine.Tick(61);
        Assert.Empty(machine.View.LeaseIds());
    }

    [Fact]
    public void Tokens_end_unused_with_their_user_and_with_the_checking()
    {
        var machine = Checked(("ann", Access.Read, Bytes.Range("a", "b")));
        var revision = machine.View.Auth.Revision;
        Assert.Equal(KvErrorCode.AuthOldRevision, Refusal(machine, new AuthenticateCommand("ann", revision - 1, "t", 10)));
        Assert.Equal(KvErrorCode.AuthFailed, Refusal(machine, new AuthenticateCommand("nobody", revision, "t", 10)));
        foreach (var id in (string[])["t1", "t2"]) Assert.Equal(KvErrorCode.None, Refusal(machine, new AuthenticateCommand("ann", revision, id, 10)));
        machine.Run(new AuthenticateCommand("root", revision, "r", 1000));
        machine.Tick(8);
        Done(machine, new TouchTokensCommand(["t1", "unknown"]));
        Assert.Equal(TimeSpan.FromSeconds(18), Token("t1")!.Deadline);
        machine.Tick(2);
        Assert.Null(Token("t2"));
        Assert.Null(machine.View.Auth.Token("t1", TimeSpan.FromSeconds(18)));
        Done(machine, new UserPasswordCommand("ann", "other"));
        Assert.Null(Token("t1"));
        Assert.NotNull(Token("r"));
        Done(machine, new AuthSwitchCommand(false));
        Assert.Null(Token("r"));
        Assert.Equal(KvErrorCode.AuthNotEnabled, Refusal(machine, new AuthenticateCommand("ann", machine.View.Auth.Revision, "t", 10)));

        AuthToken? Token(string id) => machine.View.Auth.Token(id, machine.View.LogTime);
    }

    [Fact]
    public void The_token_that_would_end_first_makes_room()
    {
        var auth = AuthState.Initial;
        foreach (var command in (AuthCommand[])[new UserAddCommand("root", "h"), new UserRoleCommand("root", "root", true), new AuthSwitchCommand(true)])
            (auth, _) = auth.Apply(command, default);
        for (var i = 0; i <= AuthState.MostTokens; i++)
            (auth, _) = auth.Apply(new AuthenticateCommand("root", auth.Revision, $"t{i}", 300), TimeSpan.FromMilliseconds(i));
        Assert.Equal(AuthState.MostTokens, auth.Tokens.Count);
        Assert.Null(auth.Token("t0", default));
        Assert.NotNull(auth.Token("t1", default));
    }

    [Fact]
    public void A_user_without_a_password_keeps_having_none()
    {
        var machine = Checked();
        Done(machine, new UserAddCommand("cn", null));
        Done(machine, new UserPasswordCommand("cn", "hash"));
        Assert.Null(machine.View.Auth.Users["cn"].PasswordHash);
        Assert.Equal(KvErrorCode.AuthFailed, Refusal(machine, new AuthenticateCommand("cn", machine.View.Auth.Revision, "t", 10)));
    }

    [Fact]
    public void A_second_grant_for_a_range_takes_the_place_of_the_first()
    {
        var machine = Checked(("ann", Access.ReadWrite, Bytes.Range("a", "b")), ("ann", Access.ReadWrite, KeyRange.SingleKey(Bytes.Of("a"))));
        Done(machine, new RoleGrantCommand("ann", new Permission(Access.Read, Bytes.Range("a", "b"))));
        var permissions = machine.View.Auth.Roles["ann"].Permissions;
        Assert.Equal([(Access.ReadWrite, true), (Access.Read, false)], permissions.Select(p => (p.Access, p.Range.IsSingle)));
        Assert.Equal(KvErrorCode.PermissionDenied, machine.View.Auth.Check(As("ann"), Access.Write, Bytes.Range("a", "b")));
        Done(machine, new RoleRevokeCommand("ann", KeyRange.SingleKey(Bytes.Of("a"))));
        Assert.Equal(
            KvErrorCode.PermissionNotGranted, Refusal(machine, new RoleRevokeCommand("ann", new KeyRange(Bytes.Of("a"), ReadOnlyMemory<byte>.Empty)) { Caller = Root }));
    }

    [Fact]
    public void Root_stays_while_callers_are_checked()
    {
        var machine = Checked();
        Assert.Equal(KvErrorCode.InvalidAuthManagement, Refusal(machine, new UserDeleteCommand("root") { Caller = Root }));
        Assert.Equal(KvErrorCode.InvalidAuthManagement, Refusal(machine, new RoleDeleteCommand("root") { Caller = Root }));
        Assert.Equal(KvErrorCode.InvalidAuthManagement, Refusal(machine, new UserRoleCommand("root", "root", false) { Caller = Root }));
    }

    private static readonly Gen<AuthCommand> AnyAuth = Gen.Select(
        Gen.Int[0, 12], Pick("root", "ann", "bob", "müller"), Pick("root", "r1", "r2"), Pick("a", "b"), Gen.Int[1, 3]).Select(
        AuthCommand (kind, user, role, key, access) => kind switch
        {
            0 => new AuthSwitchCommand(user != "bob"),
            1 => new UserAddCommand(user, key == "a" ? null : "h" + access),
            2 => new UserDeleteCommand(user),
            3 => new UserPasswordCommand(user, "p" + access),
            4 or 5 => new UserRoleCommand(user, role, access != 1),
            6 => new RoleAddCommand(role),
            7 => new RoleDeleteCommand(role),
            8 or 9 => new RoleGrantCommand(role, new Permission((Access)access, new KeyRange(Bytes.Of(key), access == 1 ? null : Bytes.Of(access == 2 ? "" : "z")))),
            10 => new RoleRevokeCommand(role, KeyRange.SingleKey(Bytes.Of(key))),
            11 => new AuthenticateCommand(user, 1 + access, user + key + access, access),
            _ => new TouchTokensCommand([user + key + access, "none"]),
        });

    /// <summary>Random changes: the codec, the digest, the checksum and the snapshot hold all of it.</summary>
    [Fact]
    public void Users_roles_and_tokens_travel_in_the_log_and_in_snapshots() =>
        AnyAuth.Array[1, 40].Sample(
            commands =>
            {
                var (machine, twin) = (new Machine(), new Machine());
                AuthCommand[] beginning = [new UserAddCommand("root", "h"), new UserRoleCommand("root", "root", true), new AuthSwitchCommand(true)];
                foreach (var command in beginning.Concat(commands))
                {
                    var byNode = command with { Caller = Caller.Node };
                    var bytes = CommandCodec.Encode(1, 2, 3, byNode);
                    Assert.Equal(bytes, CommandCodec.Encode(1, 2, 3, CommandCodec.Decode(bytes).Command));
                    var (mine, theirs) = (machine.Run(byNode), twin.Run(byNode));
                    Assert.Equal(Bytes.Hex(mine), Bytes.Hex(theirs));
                    (machine.Time, twin.Time) = (machine.Time + TimeSpan.FromMilliseconds(300), twin.Time + TimeSpan.FromMilliseconds(300));
                }

                Assert.Equal(machine.View.Checksum, twin.View.Checksum);
                var snapshot = Bytes.Snapshot(machine.View);
                var restored = Bytes.Restore(snapshot, 7).View;
                Assert.Equal(snapshot, Bytes.Snapshot(restored));
                Assert.Equal(Bytes.Digest(machine.View), Bytes.Digest(restored));
                Assert.Equal(machine.View.Checksum, restored.Checksum);
                Assert.Equal(machine.View.Auth.Enabled, restored.Auth.Enabled);
                Assert.Equal(machine.View.Auth.Users.Keys, restored.Auth.Users.Keys);
            },
            iter: 1_000, threads: 2);

    [Theory]
    [InlineData("user")]
    [InlineData("password")]
    [InlineData("role")]
    [InlineData("permission")]
    [InlineData("switch")]
    [InlineData("token")]
    public void A_difference_in_users_roles_or_tokens_shows_in_digest_and_checksum(string what)
    {
        var (one, other) = (Checked(("ann", Access.Read, Bytes.Range("a", "b"))), Checked(("ann", Access.Read, Bytes.Range("a", "b"))));
        Assert.Equal((Bytes.Digest(one.View), one.View.Checksum), (Bytes.Digest(other.View), other.View.Checksum));
        var revision = one.View.Auth.Revision;
        var (first, second) = what switch
        {
            "user" => ((AuthCommand)new UserAddCommand("x", "h"), (AuthCommand)new UserAddCommand("y", "h")),
            "password" => (new UserPasswordCommand("ann", "h"), new UserPasswordCommand("ann", "i")),
            "role" => (new UserRoleCommand("ann", "root", true), new RoleAddCommand("r")),
            "permission" => (Grant(Access.Read), Grant(Access.Write)),
            "switch" => (new AuthSwitchCommand(false), new RoleAddCommand("r")),
            _ => (new AuthenticateCommand("ann", revision, "t", 5), new AuthenticateCommand("ann", revision, "u", 5)),
        };
        Done(one, first);
        Done(other, second);
        Assert.NotEqual(Bytes.Digest(one.View), Bytes.Digest(other.View));
        Assert.NotEqual(one.View.Checksum, other.View.Checksum);

        static RoleGrantCommand Grant(Access access) => new("ann", new Permission(access, KeyRange.SingleKey(Bytes.Of("q"))));
    }

    [Fact]
    public void A_restored_cluster_keeps_users_and_roles_and_nobody_is_signed_in()
    {
        var machine = Checked(("ann", Access.Read, Bytes.Range("a", "b")));
        machine.Run(new AuthenticateCommand("ann", machine.View.Auth.Revision, "t", 500));
        using var reader = new KvSnapshotReader();
        reader.Add(Bytes.Snapshot(machine.View));
        var auth = reader.Complete(new RestoreOptions { RevisionJump = 10 }).View.Auth;
        Assert.Equal((true, machine.View.Auth.Revision), (auth.Enabled, auth.Revision));
        Assert.Equal(KvErrorCode.None, auth.Check(As("ann"), Access.Read, Bytes.Range("a", "b")));
        Assert.Null(auth.Token("t", TimeSpan.Zero));
    }

    /// <summary>Such bytes lie in logs and must decode for ever.</summary>
    [Fact]
    public void Golden_bytes()
    {
        var range = new KeyRange(Bytes.Of("a"), ReadOnlyMemory<byte>.Empty);
        Golden("21040A", new LeaseRevokeCommand(5) { Caller = Caller.Node });
        Golden("2003616E6E06040A", new LeaseRevokeCommand(5) { Caller = new Caller("ann", 3) });
        Golden("0A01", new AuthSwitchCommand(true));
        Golden("0B016E010168", new UserAddCommand("n", "h"));
        Golden("0B016E00", new UserAddCommand("n", null));
        Golden("0C016E", new UserDeleteCommand("n"));
        Golden("0D016E0168", new UserPasswordCommand("n", "h"));
        Golden("0E016E017201", new UserRoleCommand("n", "r", true));
        Golden("0F0172", new RoleAddCommand("r"));
        Golden("100172", new RoleDeleteCommand("r"));
        Golden("11017203016101", new RoleGrantCommand("r", new Permission(Access.ReadWrite, range)));
        Golden("120172016101", new RoleRevokeCommand("r", range));
        Golden("13016E06017478", new AuthenticateCommand("n", 3, "t", 60));
        Golden("140201740175", new TouchTokensCommand(["t", "u"]));

        static void Golden(string hex, KvCommand command)
        {
            Assert.Equal("0107000000000000000200" + hex, Convert.ToHexString(CommandCodec.Encode(7, 1, 0, command)));
            Assert.Equal(command.Caller, CommandCodec.Decode(CommandCodec.Encode(7, 1, 0, command)).Command.Caller);
        }
    }

    [Fact]
    public void Every_truncation_of_a_command_with_a_caller_is_refused()
    {
        var bytes = CommandCodec.Encode(1, 2, 3, new RoleGrantCommand("r", new Permission(Access.Read, Bytes.Range("a", "b"))) { Caller = As("ann") });
        for (var length = 0; length < bytes.Length; length++) Assert.Throws<FormatException>(() => CommandCodec.Decode(bytes.AsMemory(0, length)));

        // A user without a name would pass for the node.
        var forged = CommandCodec.Encode(1, 2, 3, new RoleAddCommand("r") { Caller = new Caller("x", 1) });
        var place = forged.AsSpan().IndexOf("\x01x"u8);
        Assert.Throws<FormatException>(() => CommandCodec.Decode((byte[])[.. forged[..place], 0, .. forged[(place + 2)..]]));
    }
}
