using PaxosStore.Consensus;
using PaxosStore.Kv;
using PaxosStore.Simulator.Whole;

namespace PaxosStore.Simulator.Tests;

/// <summary>A judge, and a real store that applies what the judge hears of, unless told to do otherwise.</summary>
internal sealed class ModelBench
{
    private const ulong Client = 7;

    private readonly KvStateMachine _machine = new();
    private long _number;
    private TimeSpan _time;

    public ModelBench() => Apply(new OpenClientSessionCommand());

    public HistoryJudge Judge { get; } = new();

    public KvView View => _machine.View;

    public static KeyRange Prefix(string letter) => new(ReplyText.Bytes(letter), ReplyText.Bytes(((char)(letter[0] + 1)).ToString()));

    public static PutOp PutOp(string key, string value) => new(ReplyText.Bytes(key), ReplyText.Bytes(value));

    public static WriteCommand Put(string key, string value) => new(PutOp(key, value));

    public static Call Write(KvCommand command, long floorSlot = 0, long floorRevision = 0) =>
        new(default, 1) { Command = command, Caller = command.Caller, FloorSlot = floorSlot, FloorRevision = floorRevision };

    public static Call Read(KvOp question, Caller? caller = null, long floorSlot = 0, long floorRevision = 0) =>
        new(default, 1) { Question = question, Caller = caller, FloorSlot = floorSlot, FloorRevision = floorRevision };

    public void Pass(TimeSpan time) => _time += time;

    public KvResult Apply(KvCommand command) => Apply(Write(command));

    /// <summary>A command stands in the next slot; the store answers what <paramref name="change"/> makes of its answer.</summary>
    public KvResult Apply(Call call, Func<AppliedCommand, AppliedCommand>? change = null)
    {
        var bytes = CommandCodec.Encode(Client, ++_number, _number, call.Command!);
        Judge.Ask(bytes, new Asked(Client, _number, _number, call.Command!, call));
        return Again(bytes, bytes, change);
    }

    /// <summary>The log has one command in the next slot, the store is given another.</summary>
    public KvResult Again(ReadOnlyMemory<byte> logged, ReadOnlyMemory<byte> applied, Func<AppliedCommand, AppliedCommand>? change = null)
    {
        var slot = _machine.View.AppliedSlot + 1;
        var value = new Value(1, _time, 0, [logged]);
        var results = _machine.Apply(new LogBatch(slot, 1, _time, 0, [applied]));
        Judge.Applied(0, new ChosenValue(new Slot(slot), value, null), _machine.View, [.. results.Select(r => change?.Invoke(r) ?? r)]);
        return results[0].Result;
    }

    /// <summary>Commands stand in the next slot together.</summary>
    public KvResult[] Together(params Call[] calls)
    {
        ReadOnlyMemory<byte>[] commands = [.. calls.Select(c => (ReadOnlyMemory<byte>)Encode(c.Command!, c))];
        var slot = _machine.View.AppliedSlot + 1;
        var results = _machine.Apply(new LogBatch(slot, 1, _time, 0, commands));
        Judge.Applied(0, new ChosenValue(new Slot(slot), new Value(1, _time, 0, [.. commands]), null), _machine.View, results);
        return [.. results.Select(r => r.Result)];
    }

    /// <summary>The next slot of the log is empty.</summary>
    public void Nothing(TimeSpan storesTime)
    {
        var slot = _machine.View.AppliedSlot + 1;
        var results = _machine.Apply(new LogBatch(slot, 1, storesTime, 0, []));
        Judge.Applied(0, new ChosenValue(new Slot(slot), new Value(1, _time, 0, []), null), _machine.View, results);
    }

    public byte[] Encode(KvCommand command, Call call)
    {
        var bytes = CommandCodec.Encode(Client, ++_number, _number, command);
        Judge.Ask(bytes, new Asked(Client, _number, _number, call.Command!, call));
        return bytes;
    }
}
