using System.Diagnostics;
using PaxosStore.Kv;

namespace PaxosStore.Testing;

/// <summary>The replicated state without replication: one log, applied at once under a lock. Faults can be switched on.</summary>
public sealed partial class InMemoryKvStore : IKvStore, IStoreAdmin, IDisposable
{
    /// <summary>This node.</summary>
    public const ulong Self = 0x22;

    private const ulong Client = 1;

    private readonly Lock gate = new();
    private readonly KvStateMachine machine = new();
    private readonly Stopwatch elapsed = Stopwatch.StartNew();
    private readonly Timer ticks;
    private long slot;
    private long request;

    /// <summary>An empty one.</summary>
    public InMemoryKvStore()
    {
        Apply(new OpenClientSessionCommand());
        ticks = new Timer(_ => Tick(), null, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(100));
    }

    /// <summary>The leader this node claims to follow; 0 = none.</summary>
    public ulong LeaderId { get; set; } = Self;

    /// <summary>When set, every write and linearizable read fails with it.</summary>
    public KvException? Fault { get; set; }

    /// <summary>When set, every write and linearizable read waits for it first.</summary>
    public TaskCompletionSource? Stall { get; set; }

    /// <summary>Whether this node claims to have no vote.</summary>
    public bool IsObserver { get; set; }

    public bool LacksVote { get; set; }

    /// <summary>Bytes of live data this node claims to store.</summary>
    public long StorageBytesInUse { get; set; } = 1024;

    /// <inheritdoc/>
    public StoreStatus Status => new(0xC1, Self, LeaderId, 7, slot, slot, 4096, StorageBytesInUse, IsObserver, LacksVote, Members);

    /// <inheritdoc/>
    public KvView View => machine.View;

    /// <inheritdoc/>
    public TimeSpan LogTimeEstimate => Now;

    /// <summary>By how much log time is ahead of the time that has passed.</summary>
    public TimeSpan TimeJump { get; set; }

    /// <summary>When set, it is called with every command before that is applied.</summary>
    public Action<KvCommand>? BeforeCommand { get; set; }

    private TimeSpan Now => elapsed.Elapsed + TimeJump;

    /// <inheritdoc/>
    public async ValueTask<KvResult> ExecuteAsync(KvCommand command, CancellationToken cancellationToken)
    {
        await GateAsync(cancellationToken);
        BeforeCommand?.Invoke(command);
        var result = Apply(command);
        return result is RefusedResult refused ? throw new KvException(refused.Code) : result;
    }

    /// <inheritdoc/>
    public async ValueTask<KvView> ReadAsync(ReadConsistency consistency, CancellationToken cancellationToken)
    {
        if (consistency == ReadConsistency.Linearizable) await GateAsync(cancellationToken);
        return machine.View;
    }

    /// <inheritdoc/>
    public IKvWatcher Watch(WatchSpec spec) => machine.Watches.Open(spec);

    /// <inheritdoc/>
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
        machine.Apply(new LogBatch(++slot, 7, Now, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), commands));
}
