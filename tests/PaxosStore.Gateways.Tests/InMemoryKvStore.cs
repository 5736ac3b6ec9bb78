using System.Diagnostics;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Tests;

/// <summary>The replicated state without replication: one log, applied at once under a lock. Faults can be switched on.</summary>
internal sealed class InMemoryKvStore : IKvStore, IDisposable
{
    private const ulong Client = 1;

    private readonly Lock gate = new();
    private readonly KvStateMachine machine = new();
    private readonly Stopwatch elapsed = Stopwatch.StartNew();
    private readonly Timer ticks;
    private long slot;
    private long request;

    internal InMemoryKvStore()
    {
        Apply(new OpenClientSessionCommand());
        ticks = new Timer(_ => Tick(), null, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(100));
    }

    /// <summary>The leader this node claims to follow; 0 = none.</summary>
    internal ulong LeaderId { get; set; } = 0x22;

    /// <summary>When set, every write and linearizable read fails with it.</summary>
    internal KvException? Fault { get; set; }

    /// <summary>When set, every write and linearizable read waits for it first.</summary>
    internal TaskCompletionSource? Stall { get; set; }

    public StoreStatus Status => new(
        0xC1, 0x22, LeaderId, 7, slot, slot, 4096, 1024, false,
        [new MemberInfo(0x22, "one", ["http://127.0.0.1:2380"], ["http://127.0.0.1:2379"], false)]);

    public KvView View => machine.View;

    public async ValueTask<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        var result = Apply(command);
        return result is RefusedResult refused ? throw new KvException(refused.Code) : result;
    }

    public async ValueTask<KvView> ReadAsync(ReadConsistency consistency, CancellationToken cancellationToken)
    {
        if (consistency == ReadConsistency.Linearizable) await GateAsync(cancellationToken);
        return machine.View;
    }

    public IKvWatcher Watch(WatchSpec spec) => machine.Watches.Open(spec);

    public void Dispose() => ticks.Dispose();

    private async ValueTask GateAsync(CancellationToken cancellation)
    {
        if (Stall is { } stall) await stall.Task.WaitAsync(cancellation);
        if (Fault is { } fault) throw fault;
    }

    private KvResult Apply(KvCommand command)
    {
        lock (gate)
        {
            var number = ++request;
            return ApplyBatch(CommandCodec.Encode(Client, number, number, command))[0].Result;
        }
    }

    // Time passes in the log only by entries.
    private void Tick()
    {
        lock (gate)
        {
            if (machine.View.NextLeaseDeadline is not null) ApplyBatch();
        }
    }

    private IReadOnlyList<AppliedCommand> ApplyBatch(params ReadOnlyMemory<byte>[] commands) =>
        machine.Apply(new LogBatch(++slot, 7, elapsed.Elapsed, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), commands));
}
