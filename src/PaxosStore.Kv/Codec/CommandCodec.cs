using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// The bytes of commands in the log, and of operations, results and events between nodes. Every message begins with the format's version;
/// numbers and tags never change their meaning, golden bytes in the tests hold them. Decoding is strict: anything the encoder would not
/// have written is a <see cref="FormatException"/>. Decoded byte strings are slices of the input.
/// </summary>
public static partial class CommandCodec
{
    /// <summary>First byte of every message.</summary>
    public const byte FormatVersion = 1;

    /// <summary>How deep transactions may nest.</summary>
    public const int MostNesting = 200;

    private const int EnvelopeOverhead = 64;
    private const int MostReserved = 16;

    private enum CommandTag : byte
    {
        Write = 1,
        Compact = 2,
        LeaseGrant = 3,
        LeaseRevoke = 4,
        LeaseKeepAlive = 5,
        PublishMember = 6,
        OpenClientSession = 7,
        PublishIncarnation = 8,
        Alarm = 9,
        AuthSwitch = 10,
        UserAdd = 11,
        UserDelete = 12,
        UserPassword = 13,
        UserRole = 14,
        RoleAdd = 15,
        RoleDelete = 16,
        RoleGrant = 17,
        RoleRevoke = 18,
        Authenticate = 19,
        TouchTokens = 20,

        // Stands before the command: on whose behalf it is. Without it nobody showed credentials.
        ByUser = 32,
        ByNode = 33,
    }

    /// <summary>Encodes a command for the log.</summary>
    /// <param name="clientId">Client session.</param>
    /// <param name="requestNumber">Number in the session, from 1, never used for another command.</param>
    /// <param name="acknowledgedBelow">The client will not ask again for requests below this number.</param>
    /// <param name="command">The command.</param>
    /// <exception cref="ArgumentException">Transactions nest too deep, or a text is not valid Unicode.</exception>
    public static byte[] Encode(ulong clientId, long requestNumber, long acknowledgedBelow, KvCommand command)
    {
        var size = command is WriteCommand { Op: PutOp put } ? put.Key.Length + put.Value.Length : 0;
        var writer = Start(EnvelopeOverhead + size);
        writer.Fixed64(clientId);
        writer.Signed(requestNumber);
        writer.Signed(acknowledgedBelow);
        WriteCommand(writer, command);
        return writer.ToArray();
    }

    /// <summary>Decodes what <see cref="Encode"/> made.</summary>
    /// <exception cref="FormatException">The bytes are anything else.</exception>
    public static CommandEnvelope Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = Open(bytes);
        var envelope = new CommandEnvelope(reader.Fixed64(), reader.Signed(), reader.Signed(), ReadCommand(ref reader));
        reader.End();
        return envelope;
    }

    private static ByteWriter Start(int capacity)
    {
        var writer = new ByteWriter(capacity);
        writer.Byte(FormatVersion);
        return writer;
    }

    private static ByteReader Open(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        if (reader.Byte() != FormatVersion) throw ByteReader.Malformed("format version is unknown");
        return reader;
    }

    private static void WriteCommand(ByteWriter writer, KvCommand command)
    {
        WriteCaller(writer, command.Caller);
        switch (command)
        {
            case WriteCommand write:
                writer.Byte((byte)CommandTag.Write);
                WriteOp(writer, write.Op, MostNesting);
                break;
            case CompactCommand compact:
                writer.Byte((byte)CommandTag.Compact);
                writer.Signed(compact.Revision);
                break;
            case LeaseGrantCommand grant:
                writer.Byte((byte)CommandTag.LeaseGrant);
                writer.Signed(grant.Id);
                writer.Signed(grant.TtlSeconds);
                break;
            case LeaseRevokeCommand revoke:
                writer.Byte((byte)CommandTag.LeaseRevoke);
                writer.Signed(revoke.Id);
                break;
            case LeaseKeepAliveCommand keepAlive:
                writer.Byte((byte)CommandTag.LeaseKeepAlive);
                WriteNumbers(writer, keepAlive.Ids);
                break;
            case PublishMemberCommand publish:
                // One without an incarnation is written as before there were any.
                writer.Byte((byte)(publish.Incarnation == 0 ? CommandTag.PublishMember : CommandTag.PublishIncarnation));
                if (publish.Incarnation != 0) writer.Fixed64(publish.Incarnation);
                writer.Fixed64(publish.MemberId);
                writer.Text(publish.Name);
                WriteTexts(writer, publish.ClientUrls);
                break;
            case AlarmCommand alarm:
                writer.Byte((byte)CommandTag.Alarm);
                writer.Flag(alarm.Raise);
                WriteAlarm(writer, new AlarmInfo(alarm.MemberId, alarm.Kind));
                break;
            case OpenClientSessionCommand:
                writer.Byte((byte)CommandTag.OpenClientSession);
                break;
            case AuthCommand auth:
                WriteAuth(writer, auth);
                break;
            default:
                throw new ArgumentException($"Unknown command {command.GetType().Name}.", nameof(command));
        }
    }

    private static KvCommand ReadCommand(ref ByteReader reader)
    {
        var tag = (CommandTag)reader.Byte();
        if (tag == CommandTag.ByNode) return ReadCommand((CommandTag)reader.Byte(), ref reader) with { Caller = Caller.Node };
        if (tag != CommandTag.ByUser) return ReadCommand(tag, ref reader);
        var caller = new Caller(reader.Text(), reader.Signed());
        if (caller.IsNode) throw ByteReader.Malformed("caller has no name");
        return ReadCommand((CommandTag)reader.Byte(), ref reader) with { Caller = caller };
    }

    private static KvCommand ReadCommand(CommandTag tag, ref ByteReader reader) => tag switch
    {
        CommandTag.Write => new WriteCommand(ReadOp(ref reader, MostNesting)),
        CommandTag.Compact => new CompactCommand(reader.Signed()),
        CommandTag.LeaseGrant => new LeaseGrantCommand(reader.Signed(), reader.Signed()),
        CommandTag.LeaseRevoke => new LeaseRevokeCommand(reader.Signed()),
        CommandTag.LeaseKeepAlive => new LeaseKeepAliveCommand(ReadNumbers(ref reader)),
        CommandTag.PublishMember => new PublishMemberCommand(reader.Fixed64(), reader.Text(), ReadTexts(ref reader)),
        CommandTag.PublishIncarnation => ReadPublish(ref reader),
        CommandTag.Alarm => ReadAlarmCommand(ref reader),
        CommandTag.OpenClientSession => new OpenClientSessionCommand(),
        _ => ReadAuth(tag, ref reader),
    };

    private static void WriteCaller(ByteWriter writer, Caller? caller)
    {
        if (caller is not { } known) return;
        writer.Byte((byte)(known.IsNode ? CommandTag.ByNode : CommandTag.ByUser));
        if (known.IsNode) return;
        writer.Text(known.User);
        writer.Signed(known.AuthRevision);
    }

    private static PublishMemberCommand ReadPublish(ref ByteReader reader)
    {
        var incarnation = reader.Fixed64();
        if (incarnation == 0) throw ByteReader.Malformed("incarnation is missing");
        return new PublishMemberCommand(reader.Fixed64(), reader.Text(), ReadTexts(ref reader), incarnation);
    }

    private static AlarmCommand ReadAlarmCommand(ref ByteReader reader)
    {
        var raise = reader.Flag();
        var alarm = ReadAlarm(ref reader);
        return new AlarmCommand(raise, alarm.MemberId, alarm.Kind);
    }

    internal static void WriteAlarm(ByteWriter writer, AlarmInfo alarm)
    {
        writer.Fixed64(alarm.MemberId);
        writer.Byte((byte)alarm.Kind);
    }

    internal static AlarmInfo ReadAlarm(ref ByteReader reader) => new(reader.Fixed64(), reader.Enum<AlarmKind>());

    internal static void WriteTexts(ByteWriter writer, ImmutableArray<string> texts)
    {
        writer.Unsigned((uint)LengthOf(texts));
        for (var i = 0; i < LengthOf(texts); i++) writer.Text(texts[i]);
    }

    internal static ImmutableArray<string> ReadTexts(ref ByteReader reader)
    {
        var count = reader.Count();
        var texts = Grow<string>(count);
        for (var i = 0; i < count; i++) texts.Add(reader.Text());
        return texts.DrainToImmutable();
    }

    private static void WriteNumbers(ByteWriter writer, ImmutableArray<long> numbers)
    {
        writer.Unsigned((uint)LengthOf(numbers));
        for (var i = 0; i < LengthOf(numbers); i++) writer.Signed(numbers[i]);
    }

    private static ImmutableArray<long> ReadNumbers(ref ByteReader reader)
    {
        var count = reader.Count();
        var numbers = Grow<long>(count);
        for (var i = 0; i < count; i++) numbers.Add(reader.Signed());
        return numbers.DrainToImmutable();
    }

    /// <summary>Room for what is announced, but no more than a little before it has been seen.</summary>
    private static ImmutableArray<T>.Builder Grow<T>(int count) => ImmutableArray.CreateBuilder<T>(Math.Min(count, MostReserved));

    private static int LengthOf<T>(ImmutableArray<T> items) => items.IsDefault ? 0 : items.Length;
}
