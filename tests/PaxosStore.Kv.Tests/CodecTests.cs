using CsCheck;

namespace PaxosStore.Kv.Tests;

public class CodecTests
{
    private static readonly KvCommand[] Others =
    [
        new CompactCommand(-5), new LeaseGrantCommand(long.MaxValue, long.MinValue), new LeaseRevokeCommand(1), new LeaseKeepAliveCommand([1, -1, 0]),
        new PublishMemberCommand(ulong.MaxValue, "n\u00e9\u6f22", ["http://a", ""]), new OpenClientSessionCommand(),
        new PublishMemberCommand(1, "n", [], ulong.MaxValue), new AlarmCommand(true, 0, AlarmKind.Corrupt),
        new AlarmCommand(false, ulong.MaxValue, AlarmKind.None),
    ];

    private static readonly Gen<KvCommand> AnyCommand = Gen.Frequency((3, Gens.Command), (1, Gen.Int[0, Others.Length - 1].Select(i => Others[i])));

    [Fact]
    public void Commands_survive_the_round_trip() =>
        Gen.Select(Gen.ULong, Gen.Long, Gen.Long, AnyCommand).Sample(
            (client, number, below, command) =>
            {
                var bytes = CommandCodec.Encode(client, number, below, command);
                var envelope = CommandCodec.Decode(bytes);
                Assert.Equal((client, number, below), (envelope.ClientId, envelope.RequestNumber, envelope.AcknowledgedBelow));
                Assert.Equal(command.GetType(), envelope.Command.GetType());
                Assert.Equal(bytes, CommandCodec.Encode(client, number, below, envelope.Command));
            },
            iter: 3_000, threads: 2);

    [Fact]
    public void Decoded_fields_are_the_encoded_ones()
    {
        var range = new RangeOp(Bytes.Range("a", "b"))
        {
            Limit = 1, Revision = -2, Order = SortOrder.Descend, Target = SortTarget.Value, KeysOnly = true, CountOnly = true,
            MinModRevision = 3, MaxModRevision = 4, MinCreateRevision = 5, MaxCreateRevision = 6,
        };
        var read = (RangeOp)CommandCodec.DecodeOp(CommandCodec.EncodeOp(range));
        Assert.Equal(range with { Range = default }, read with { Range = default });
        Assert.Equal("b", Bytes.Text(read.Range.End!.Value));
        foreach (var end in new ReadOnlyMemory<byte>?[] { null, ReadOnlyMemory<byte>.Empty })
        {
            var sent = new DeleteRangeOp(new KeyRange(Bytes.Of("a"), end)) { PreviousKvs = true };
            var delete = (DeleteRangeOp)CommandCodec.DecodeOp(CommandCodec.EncodeOp(sent));
            Assert.Equal((end is null, end?.Length, true), (delete.Range.End is null, delete.Range.End?.Length, delete.PreviousKvs));
        }

        var put = (PutOp)CommandCodec.DecodeOp(CommandCodec.EncodeOp(new PutOp(Bytes.Of("k"), Bytes.Of("v")) { Lease = 7, IgnoreLease = true }));
        Assert.Equal(("k", "v", 7L), (Bytes.Text(put.Key), Bytes.Text(put.Value), put.Lease));
        Assert.Equal((false, false, true), (put.PreviousKv, put.IgnoreValue, put.IgnoreLease));
        var txn = (TxnOp)CommandCodec.DecodeOp(CommandCodec.EncodeOp(new TxnOp(
            [new Comparison(KeyRange.SingleKey(Bytes.Of("k")), CompareTarget.Lease, CompareResult.NotEqual, 9, Bytes.Of("x"))],
            [range, put],
            [])));
        var condition = txn.Compare[0];
        Assert.Equal((CompareTarget.Lease, CompareResult.NotEqual), (condition.Target, condition.Result));
        Assert.Equal((9L, "x"), (condition.Number, Bytes.Text(condition.Value)));
        Assert.Equal((2, 0), (txn.Success.Length, txn.Failure.Length));
        var publish = (PublishMemberCommand)CommandCodec.Decode(CommandCodec.Encode(1, 2, 3, new PublishMemberCommand(4, "n", ["u", "w"], 5))).Command;
        Assert.Equal((4UL, "n", 5UL), (publish.MemberId, publish.Name, publish.Incarnation));
        Assert.Equal(["u", "w"], publish.ClientUrls.ToArray());
        var alarm = new AlarmCommand(true, 4, AlarmKind.Corrupt);
        Assert.Equal(alarm, CommandCodec.Decode(CommandCodec.Encode(1, 2, 3, alarm)).Command);
    }

    [Fact]
    public void Results_and_events_survive_the_round_trip()
    {
        var machine = new Machine();
        using var watcher = machine.State.Watches.Open(new WatchSpec(Bytes.Everything, 1));
        Gens.AnyCommand.Sample(
            command =>
            {
                var bytes = CommandCodec.EncodeResult(machine.Run(command));
                Assert.Equal(bytes, CommandCodec.EncodeResult(CommandCodec.DecodeResult(bytes)));
            },
            iter: 2_000, threads: 1);
        using var fresh = machine.State.Watches.Open(new WatchSpec(Bytes.Everything, Math.Max(1, machine.View.CompactRevision)));
        var events = fresh.TryRead(int.MaxValue).Events;
        Assert.NotEmpty(events);
        Assert.Equal(Bytes.Hex(events), Bytes.Hex(CommandCodec.DecodeEvents(CommandCodec.EncodeEvents(events))));
    }

    /// <summary>Such bytes lie in logs and must decode for ever: a change here is a change of the format.</summary>
    [Fact]
    public void Golden_bytes()
    {
        var put = new PutOp(Bytes.Of("k"), Bytes.Of("v")) { Lease = 300, PreviousKv = true };
        var range = new RangeOp(Bytes.Range("a", "z"))
        {
            Limit = 4, Revision = 7, Order = SortOrder.Ascend, Target = SortTarget.Version, KeysOnly = true,
        };
        var condition = new Comparison(KeyRange.SingleKey(Bytes.Of("c")), CompareTarget.Mod, CompareResult.Greater, 2, default);
        var kv = new KeyValue(Bytes.Of("k"), Bytes.Of("v"), 2, 3, 4, 5);
        CheckGolden("01070000000000000002000102016B0176D80401", new WriteCommand(put));
        CheckGolden("01070000000000000002000101016102017A080E01010100000000", new WriteCommand(range));
        CheckGolden("0107000000000000000200010301000101", new WriteCommand(new DeleteRangeOp(Bytes.Everything) { PreviousKvs = true }));
        CheckGolden(
            "0107000000000000000200010401016300020104000102016B0176D804010104000000",
            new WriteCommand(new TxnOp([condition], [put], [new TxnOp([], [], [])])));
        CheckGolden("0107000000000000000200020C", new CompactCommand(6));
        CheckGolden("0107000000000000000200030A78", new LeaseGrantCommand(5, 60));
        CheckGolden("0107000000000000000200040A", new LeaseRevokeCommand(5));
        CheckGolden("010700000000000000020005020204", new LeaseKeepAliveCommand([1, 2]));
        CheckGolden("0107000000000000000200060300000000000000026E31010475726C31", new PublishMemberCommand(3, "n1", ["url1"]));
        CheckGolden("010700000000000000020007", new OpenClientSessionCommand());
        CheckGolden("01070000000000000002000809000000000000000300000000000000026E31010475726C31", new PublishMemberCommand(3, "n1", ["url1"], 9));
        CheckGolden("01070000000000000002000901030000000000000001", new AlarmCommand(true, 3, AlarmKind.NoSpace));
        CheckGolden("01070000000000000002000900000000000000000002", new AlarmCommand(false, 0, AlarmKind.Corrupt));
        Assert.Equal("010110020101016B01760406080A0112", Bytes.Hex(new WriteResult(new RangeResult([kv], true, 9)) { Revision = 8, Term = 2 }));
        Assert.Equal(
            "010110020401020201016B01760406080A030200",
            Bytes.Hex(new WriteResult(new TxnResult(true, [new PutResult(kv), new DeleteRangeResult(1, [])])) { Revision = 8, Term = 2 }));
        Assert.Equal("0107100201030000000000000001", Bytes.Hex(new AlarmResult([new AlarmInfo(3, AlarmKind.NoSpace)]) { Revision = 8, Term = 2 }));
        Assert.Equal("0106100209", Bytes.Hex(new RefusedResult(KvErrorCode.LeaseNotFound) { Revision = 8, Term = 2 }));
        Assert.Equal(
            "010201016B01760406080A0000016B01760406080A01016B01760406080A",
            Bytes.Hex([new KvEvent(true, kv, null), new KvEvent(false, kv, kv)]));
    }

    private static void CheckGolden(string hex, KvCommand command)
    {
        Assert.Equal(hex, Convert.ToHexString(CommandCodec.Encode(7, 1, 0, command)));
        Assert.IsType(command.GetType(), CommandCodec.Decode(Convert.FromHexString(hex)).Command);
    }

    [Fact]
    public void Garbage_is_a_format_error_and_nothing_else()
    {
        Gen.Byte.Array[0, 60].Sample(Feed, iter: 20_000, threads: 2);
        Gen.Select(AnyCommand, Gen.Int[0, 300], Gen.Byte, Gen.Int[0, 3]).Sample(
            (command, position, value, kind) => Feed(Mutate(CommandCodec.Encode(1, 2, 3, command), position, value, kind)),
            iter: 20_000, threads: 2);
    }

    private static byte[] Mutate(byte[] bytes, int position, byte value, int kind)
    {
        position %= bytes.Length;
        if (kind == 0) return bytes[..position];
        if (kind == 1) return [.. bytes, value];
        if (kind == 2) return [.. bytes[..position], value, .. bytes[position..]];
        bytes[position] = value;
        return bytes;
    }

    /// <summary>Whatever is accepted must also be what the encoder writes: no two encodings of one thing.</summary>
    private static void Feed(byte[] bytes)
    {
        Try(() => CommandCodec.Decode(bytes), e => CommandCodec.Encode(e.ClientId, e.RequestNumber, e.AcknowledgedBelow, e.Command), bytes);
        Try(() => CommandCodec.DecodeOp(bytes), CommandCodec.EncodeOp, bytes);
        Try(() => CommandCodec.DecodeResult(bytes), CommandCodec.EncodeResult, bytes);
        Try(() => CommandCodec.DecodeOpResult(bytes), CommandCodec.EncodeOpResult, bytes);
        Try(() => CommandCodec.DecodeEvents(bytes), CommandCodec.EncodeEvents, bytes);
    }

    private static void Try<T>(Func<T> decode, Func<T, byte[]> encode, byte[] bytes)
    {
        T decoded;
        try
        {
            decoded = decode();
        }
        catch (FormatException)
        {
            return;
        }

        Assert.Equal(bytes, encode(decoded));
    }

    [Fact]
    public void Every_truncation_of_a_command_is_refused()
    {
        foreach (var command in Others.Append(new WriteCommand(new TxnOp([], [new PutOp(Bytes.Of("k"), Bytes.Of("v"))], []))))
        {
            var bytes = CommandCodec.Encode(1, 2, 3, command);
            for (var length = 0; length < bytes.Length; length++)
                Assert.Throws<FormatException>(() => CommandCodec.Decode(bytes.AsMemory(0, length)));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Deep_nesting_is_refused_on_both_sides(bool success)
    {
        TxnOp Around(KvOp? op) => new([], op is not null && success ? [op] : [], op is not null && !success ? [op] : []);
        KvOp op = Around(null);
        for (var i = 1; i < CommandCodec.MostNesting; i++) op = Around(op);
        var deepest = CommandCodec.EncodeOp(op);
        Assert.IsType<TxnOp>(CommandCodec.DecodeOp(deepest));
        Assert.Throws<ArgumentException>(() => CommandCodec.EncodeOp(Around(op)));
        byte[] deeper = success ? [deepest[0], 4, 0, 1, .. deepest[1..], 0] : [deepest[0], 4, 0, 0, 1, .. deepest[1..]];
        Assert.Contains("nest", Assert.Throws<FormatException>(() => CommandCodec.DecodeOp(deeper)).Message, StringComparison.Ordinal);
        var bytes = new byte[100_000];
        for (var i = 1; i + 2 < bytes.Length; i += 3) (bytes[i], bytes[i + 1], bytes[i + 2]) = (4, 0, 1);
        bytes[0] = CommandCodec.FormatVersion;
        Assert.Throws<FormatException>(() => CommandCodec.DecodeOp(bytes));
    }

    [Fact]
    public void Deep_nesting_of_results_is_refused_on_both_sides()
    {
        KvOpResult result = new TxnResult(true, []);
        for (var i = 1; i < CommandCodec.MostNesting; i++) result = new TxnResult(true, [result]);
        var deepest = CommandCodec.EncodeOpResult(result);
        Assert.IsType<TxnResult>(CommandCodec.DecodeOpResult(deepest));
        Assert.Throws<ArgumentException>(() => CommandCodec.EncodeOpResult(new TxnResult(true, [result])));
        byte[] deeper = [deepest[0], 4, 1, 1, .. deepest[1..]];
        Assert.Contains("nest", Assert.Throws<FormatException>(() => CommandCodec.DecodeOpResult(deeper)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_has_one_spelling_and_64_bits()
    {
        foreach (var number in new ulong[] { 0, 1, 0x7F, 0x80, ulong.MaxValue >> 1, ulong.MaxValue })
        {
            var writer = new ByteWriter(0);
            writer.Unsigned(number);
            var reader = new ByteReader(writer.ToArray());
            Assert.Equal(number, reader.Unsigned());
            reader.End();
        }

        byte[] nines = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        foreach (var bytes in new byte[][] { [.. nines, 0x02], [.. nines, 0x81, 0x00], [0x80, 0x00], [.. nines], [] })
            Assert.Throws<FormatException>(() => new ByteReader(bytes).Unsigned());
    }

    [Fact]
    public void A_member_published_with_its_incarnation_has_one()
    {
        var bytes = CommandCodec.Encode(1, 2, 3, new PublishMemberCommand(4, "n", [], 0x5A));
        bytes[Array.IndexOf(bytes, (byte)0x5A)] = 0;
        Assert.Contains("incarnation", Assert.Throws<FormatException>(() => CommandCodec.Decode(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_with_a_malformed_command_is_refused_whole()
    {
        var machine = new Machine();
        var good = CommandCodec.Encode(Machine.Client, 1, 0, new WriteCommand(new PutOp(Bytes.Of("k"), default)));
        var batch = new LogBatch(2, 1, TimeSpan.Zero, 0, [good, new byte[] { 9 }]);
        Assert.Throws<FormatException>(() => machine.State.Apply(batch));
        Assert.Equal((1L, 1L), (machine.View.Revision, machine.View.AppliedSlot));
        Assert.Throws<InvalidOperationException>(() => machine.State.Apply(batch with { Slot = 3 }));
        machine.State.Apply(batch with { Commands = [good] });
        Assert.Equal(2, machine.View.Revision);
    }
}
