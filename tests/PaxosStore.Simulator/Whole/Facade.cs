using PaxosStore.Consensus;
using PaxosStore.Kv;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Facade;
using PaxosStore.Node.Integrity;

namespace PaxosStore.Simulator.Whole;

/// <summary>What other parts of a node tell its client side: never lost while the process lives, and in order.</summary>
internal abstract record FacadeInput : Message;

/// <summary>The state machine has moved on.</summary>
internal sealed record AppliedHere(KvView View, IReadOnlyList<AppliedCommand> Commands) : FacadeInput
{
    public override string ToString() => $"Applied #{View.AppliedSlot}";
}

/// <summary>The state machine has jumped.</summary>
internal sealed record InstalledHere(KvView View) : FacadeInput
{
    public override string ToString() => $"Installed #{View.AppliedSlot}";
}

/// <summary>Who leads, as this node knows it.</summary>
internal sealed record LeaderHere(NodeId? Leader) : FacadeInput;

/// <summary>
/// The client side of one process: drives the node's own <see cref="RequestTracker"/> as its facade actor does, input by input, and remembers for whom.
/// </summary>
internal sealed class Facade
{
    private readonly RequestTracker _tracker;
    private readonly Action<ReadOnlyMemory<byte>, Call?> _ask;
    private NodeId? _leader;

    /// <param name="node">Its node.</param>
    /// <param name="replica">The node's state.</param>
    /// <param name="requestTimeout">After which requests are given up.</param>
    /// <param name="newClientId">Draws the ids of client sessions.</param>
    /// <param name="ask">Called for each command before it leaves, with the request it is for.</param>
    public Facade(SimNode node, KvReplica replica, TimeSpan requestTimeout, Func<ulong> newClientId, Action<ReadOnlyMemory<byte>, Call?> ask)
    {
        (Node, Replica, Incarnation, _ask) = (node, replica, node.Incarnation, ask);
        _tracker = new RequestTracker(replica.Machine.View, requestTimeout, TimeSpan.FromMicroseconds(Plan.ElectionTimeout), newClientId);
    }

    public SimNode Node { get; }

    public KvReplica Replica { get; }

    public int Incarnation { get; }

    /// <summary>Requests that wait for an answer, oldest first.</summary>
    public List<Call> Calls { get; } = [];

    /// <summary>Whether the leader is news; told once.</summary>
    public bool IsNews(NodeId? leader)
    {
        if (_leader == leader) return false;
        _leader = leader;
        return true;
    }

    public NodeId? Leader => _leader;

    /// <summary>When this node moves log time on.</summary>
    public LogTimePace Pace { get; } = new();

    /// <summary>Checksums of this node's state and the others'.</summary>
    public ChecksumLedger Checksums { get; } = new();

    public void Write(Call call, TimeSpan now)
    {
        call.Write = new PendingWrite(call.Command!);
        Calls.Add(call);
        _tracker.Write(call.Write, now);
    }

    public void Read(Call call, TimeSpan now)
    {
        call.Read = new PendingRead();
        Calls.Add(call);
        _tracker.Read(call.Read, now);
    }

    public void Step(Message message, TimeSpan now)
    {
        switch (message)
        {
            case AppliedHere m: _tracker.Applied(m.View, m.Commands, now); break;
            case InstalledHere m: _tracker.Installed(m.View, now); break;
            case LeaderHere m: _tracker.LeaderChanged(m.Leader, now); break;
            default: _tracker.Step(message, now); break;
        }
    }

    public void Tick(TimeSpan now) => _tracker.Tick(now);

    /// <summary>What is to be sent now, each command announced before.</summary>
    public IReadOnlyList<Outgoing> Flush(TimeSpan now)
    {
        _tracker.Flush(now);
        if (_tracker.Outbox.Count == 0) return [];
        var outbox = _tracker.Outbox.ToArray();
        _tracker.Outbox.Clear();
        foreach (var message in outbox)
        {
            if (message.Message is not Propose propose) continue;
            foreach (var command in propose.Commands) _ask(command, Calls.Find(c => c.Write is { } write && write.Encoded.Equals(command)));
        }

        return outbox;
    }
}

/// <summary>One request of a client, from its beginning to its answer.</summary>
internal sealed class Call(Step step, int client)
{
    public Step Step => step;

    public int Client => client;

    /// <summary>On whose behalf.</summary>
    public Caller? Caller { get; init; }

    /// <summary>What is to be agreed on; null for a read.</summary>
    public KvCommand? Command { get; init; }

    /// <summary>What is to be read.</summary>
    public KvOp? Question { get; init; }

    /// <summary>Highest slot whose effect was known to somebody when it began.</summary>
    public long FloorSlot { get; init; }

    /// <summary>Highest revision that was known to somebody when it began.</summary>
    public long FloorRevision { get; init; }

    public PendingWrite? Write { get; set; }

    public PendingRead? Read { get; set; }

    /// <summary>Nobody waits for it any more: an answer, or a failure, is there.</summary>
    public bool IsAnswered => Write?.Completion.Task.IsCompleted ?? Read!.Completion.Task.IsCompleted;

    /// <summary>Why it failed; null when it did not.</summary>
    public KvException? Failure => (KvException?)(Write?.Completion.Task.Exception ?? Read?.Completion.Task.Exception)?.InnerException;

    /// <summary>It was told that it did not happen and never will.</summary>
    public bool Denied { get; set; }

    /// <summary>The slot it took effect in, 0 as long as it did not.</summary>
    public long Slot { get; set; }

    /// <summary>What it was to be answered.</summary>
    public string? Expected { get; set; }

    public override string ToString() => $"client {client} step {step.Id} {step.Kind}";
}
