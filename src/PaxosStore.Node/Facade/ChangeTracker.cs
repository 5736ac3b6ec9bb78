using PaxosStore.Consensus;
using PaxosStore.Node.Actors;

namespace PaxosStore.Node.Facade;

/// <summary>What became of a change of the members.</summary>
internal enum ChangeOutcome
{
    /// <summary>It stands in the log.</summary>
    Done,

    /// <summary>It did not happen and never will: the configuration it was to follow has another successor, or another change is not in force yet.</summary>
    Overtaken,

    /// <summary>It did not happen: a node that was to vote has not caught up.</summary>
    NotCaughtUp,

    /// <summary>It did not happen: too few of the voters that would be left are alive.</summary>
    TooFewAlive,
}

/// <summary>A change of the members that waits for its outcome.</summary>
internal sealed class PendingChange(Configuration next)
{
    public Configuration Next => next;

    public TaskCompletionSource<ChangeOutcome> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Number { get; set; }

    public TimeSpan Deadline { get; set; }

    public TimeSpan SentAt { get; set; } = TimeSpan.MinValue;

    /// <summary>How many attempts may have come to something.</summary>
    public int Attempts { get; set; }
}

/// <summary>
/// Asks the leader for changes of the members, one after the other, and again when a leader is lost: the version a change follows makes repeats harmless.
/// Single-threaded and pure but for completing tasks.
/// </summary>
/// <param name="requestTimeout">After which a change is given up.</param>
/// <param name="repeatAfter">After which it is asked for again.</param>
/// <param name="firstNumber">A number that no process of this node has used: a late answer to the process before must not be taken for one to this.</param>
internal sealed class ChangeTracker(TimeSpan requestTimeout, TimeSpan repeatAfter, long firstNumber)
{
    private readonly List<PendingChange> _pending = [];
    private NodeId? _leader;
    private long _lastNumber = firstNumber - 1;

    public List<Outgoing> Outbox { get; } = [];

    public void Add(PendingChange change, TimeSpan now)
    {
        change.Deadline = now + requestTimeout;
        _pending.Add(change);
        Flush(now);
    }

    public void LeaderChanged(NodeId? leader, TimeSpan now)
    {
        _leader = leader;
        foreach (var change in _pending) change.SentAt = TimeSpan.MinValue;
        Flush(now);
    }

    public void Step(ReconfigureRejected m)
    {
        if (_pending.Find(c => c.Number == m.Number) is not { } change) return;
        switch (m.Reason)
        {
            // Of a repeated request this says nothing: an attempt before may stand in its way, or in the log of another leader. What is applied tells.
            case Rejection.NotNext or Rejection.NotCaughtUp or Rejection.TooFewAlive when change.Attempts > 1: break;
            case Rejection.NotNext: Complete(change, ChangeOutcome.Overtaken); break;
            case Rejection.NotCaughtUp: Complete(change, ChangeOutcome.NotCaughtUp); break;
            case Rejection.TooFewAlive: Complete(change, ChangeOutcome.TooFewAlive); break;
            default: change.Attempts--; break; // Not the leader (any more), or no room: nothing came of it, and it is asked again at the next tick.
        }
    }

    /// <summary>A configuration was applied here.</summary>
    public void Decided(ConfigurationDecided decided)
    {
        foreach (var change in _pending.ToArray())
        {
            if (decided.Configuration.Change == change.Next.Change) Complete(change, decided.Void ? ChangeOutcome.Overtaken : ChangeOutcome.Done);
            else if (!decided.Void && decided.Configuration.Version >= change.Next.Version) Complete(change, ChangeOutcome.Overtaken);
        }
    }

    public void Tick(TimeSpan now)
    {
        foreach (var change in _pending.ToArray())
        {
            if (now < change.Deadline) continue;
            _pending.Remove(change);
            change.Completion.TrySetException(new KvException(KvErrorCode.Timeout, KvOutcome.Unknown));
        }

        Flush(now);
    }

    public void Stop()
    {
        foreach (var change in _pending) change.Completion.TrySetException(new KvException(KvErrorCode.Stopped, KvOutcome.Unknown));
    }

    private void Flush(TimeSpan now)
    {
        if (_leader is not { } leader) return;
        foreach (var change in _pending)
        {
            if (change.SentAt != TimeSpan.MinValue && now - change.SentAt < repeatAfter) continue;
            (change.SentAt, change.Number, change.Attempts) = (now, ++_lastNumber, change.Attempts + 1);
            Outbox.Add(new Outgoing(leader, Role.Proposer, new Reconfigure(change.Number, change.Next)));
        }
    }

    private void Complete(PendingChange change, ChangeOutcome outcome)
    {
        _pending.Remove(change);
        change.Completion.TrySetResult(outcome);
    }
}
