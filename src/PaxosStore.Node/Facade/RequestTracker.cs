using System.Collections.Immutable;
using PaxosStore.Consensus;

namespace PaxosStore.Node.Facade;

/// <summary>A write that waits for its result.</summary>
internal sealed class PendingWrite(KvCommand command)
{
    private readonly TaskCompletionSource<KvResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public KvCommand Command => command;

    public TaskCompletionSource<KvResult> Completion => _completion;

    public long Number { get; set; }

    public ReadOnlyMemory<byte> Encoded { get; set; }

    public TimeSpan Deadline { get; set; }

    public ProposedBatch? Batch { get; set; }

    /// <summary>How often it went to a leader: once any copy is out, a failure leaves the outcome unknown.</summary>
    public int Attempts { get; set; }

    /// <summary>How often it seemed lost on its way to this leader.</summary>
    public int Repeats { get; set; }
}

/// <summary>A linearizable read that waits for its barrier.</summary>
internal sealed class PendingRead
{
    public TaskCompletionSource<KvView> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TimeSpan Deadline { get; set; }
}

/// <summary>Writes that went to the leader in one message.</summary>
internal sealed class ProposedBatch(long number, TimeSpan sentAt)
{
    public long Number => number;

    public TimeSpan SentAt => sentAt;

    public List<PendingWrite> Writes { get; } = [];

    public int Remaining { get; set; }

    /// <summary>How often what is in it seemed lost before.</summary>
    public int Repeats { get; set; }
}

/// <summary>
/// The client side of one node: gives writes their client session and request number, sends them to the leader in batches, repeats them when a
/// leader is lost (the session makes repeats harmless), and fences reads with barriers. Single-threaded and pure but for completing tasks.
/// A write is answered when this node has applied it, so what is not answered has not been applied here yet.
/// </summary>
internal sealed class RequestTracker
{
    // Two messages on their way to the leader; what arrives meanwhile shares the next one.
    private const int BatchesInFlight = 2;
    private const int BatchBytes = 512 << 10;
    private const int BarriersInFlight = 2;
    private const int MostDoublings = 3;

    private readonly Func<ulong> _newClientId;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeSpan _repeatAfter;
    private readonly Queue<PendingWrite> _unsent = new();
    private readonly Dictionary<long, PendingWrite> _pending = [];
    private readonly List<ProposedBatch> _batches = [];
    private readonly Queue<(TimeSpan Deadline, PendingWrite Write)> _deadlines = new();

    private readonly List<PendingRead> _readsWaiting = [];
    private readonly List<(long Number, TimeSpan SentAt, bool Repeated, List<PendingRead> Reads)> _barriers = [];
    private readonly List<(Slot Slot, List<PendingRead> Reads)> _fenced = [];

    private ulong _clientId;
    private bool _sessionOpen;
    private PendingWrite? _opening;
    private TimeSpan _sessionUsedAt;
    private long _lastNumber;

    // Nothing below it is pending: the session acknowledges what is.
    private long _firstPending = 1;
    private long _lastBatch;
    private long _lastBarrier;
    private NodeId? _leader;
    private TimeSpan _pausedUntil;
    private TimeSpan _appliedAt;
    private KvView _view;

    public RequestTracker(KvView view, TimeSpan requestTimeout, TimeSpan electionTimeout, Func<ulong> newClientId)
    {
        (_view, _requestTimeout, _repeatAfter, _newClientId) = (view, requestTimeout, electionTimeout, newClientId);
        // An answer to a process that this node was before must not be taken for one to this: its barrier would be too old, its refusal another's.
        _lastBatch = _lastBarrier = (long)(newClientId() >> 2);
        _clientId = newClientId();
    }

    /// <summary>Messages to the leader's proposer since the driver last took them.</summary>
    public List<Outgoing> Outbox { get; } = [];

    public int PendingWrites => _pending.Count + _unsent.Count;

    public int PendingReads { get; private set; }

    public void Write(PendingWrite write, TimeSpan now)
    {
        write.Deadline = now + _requestTimeout;
        _deadlines.Enqueue((write.Deadline, write));
        _unsent.Enqueue(write);
    }

    public void Read(PendingRead read, TimeSpan now)
    {
        read.Deadline = now + _requestTimeout;
        _readsWaiting.Add(read);
        PendingReads++;
    }

    /// <summary>Sends what may be sent; call it after every group of inputs.</summary>
    public void Flush(TimeSpan now)
    {
        if (_leader is not { } leader || now < _pausedUntil) return;
        FlushWrites(leader, now);
        if (_readsWaiting.Count == 0 || _barriers.Count >= BarriersInFlight) return;
        _barriers.Add((++_lastBarrier, now, false, [.. _readsWaiting]));
        _readsWaiting.Clear();
        Outbox.Add(new Outgoing(leader, Role.Proposer, new ReadBarrierRequest(_lastBarrier)));
    }

    public void LeaderChanged(NodeId? leader, TimeSpan now)
    {
        (_leader, _pausedUntil) = (leader, TimeSpan.Zero);
        foreach (var batch in _batches.ToArray()) Requeue(batch);
        foreach (var write in _pending.Values) write.Repeats = 0;
        RequeueReads(_ => true);
        Flush(now);
    }

    public void Step(Message message, TimeSpan now)
    {
        switch (message)
        {
            case ProposeRejected m when _batches.Find(b => b.Number == m.Batch) is { } batch:
                if (m.Reason == Rejection.Overloaded) Refuse(batch);
                else Requeue(batch);
                Pause(now);
                break;
            case ReadBarrier m when _barriers.FindIndex(b => b.Number == m.Number) is >= 0 and var i:
                _fenced.Add((m.Slot, _barriers[i].Reads));
                _barriers.RemoveAt(i);
                CompleteReads();
                Flush(now);
                break;
            case ReadBarrierRejected m when m.Reason == Rejection.Overloaded && _barriers.FindIndex(b => b.Number == m.Number) is >= 0 and var i:
                // Of one that was asked for again an earlier asking may be in the queue that is full.
                if (_barriers[i].Repeated) break;
                foreach (var read in _barriers[i].Reads) read.Completion.TrySetException(new KvException(KvErrorCode.Overloaded));
                PendingReads -= _barriers[i].Reads.Count;
                _barriers.RemoveAt(i);
                break;
            case ReadBarrierRejected m:
                RequeueReads(b => b == m.Number);
                Pause(now);
                break;
        }
    }

    /// <summary>This node has applied a batch of the log.</summary>
    public void Applied(KvView view, IReadOnlyList<AppliedCommand> commands, TimeSpan now)
    {
        (_view, _appliedAt) = (view, now);
        foreach (var command in commands)
        {
            // A repeat adds nothing: its first copy was answered when it was applied here.
            if (command.ClientId != _clientId || command.Repeat) continue;
            if (_pending.TryGetValue(command.RequestNumber, out var write)) Complete(write, command.Result, now);
        }

        CompleteReads();
        Flush(now);
    }

    /// <summary>
    /// A snapshot took the place of a stretch of the log: what of this node's requests was applied there, the session in it remembers. The others are still to come.
    /// </summary>
    public void Installed(KvView view, TimeSpan now)
    {
        _view = view;
        foreach (var write in _pending.Values.ToArray())
        {
            if (view.RememberedResult(_clientId, write.Number) is { } result) Complete(write, result, now);
        }

        CompleteReads();
        Flush(now);
    }

    public void Tick(TimeSpan now)
    {
        while (_deadlines.TryPeek(out var next) && (next.Write.Completion.Task.IsCompleted || now >= next.Deadline))
        {
            _deadlines.Dequeue();
            // What its caller has cancelled may stand in the session still, and would hold up what the session acknowledges.
            if (next.Write.Completion.Task.IsCompleted && !IsPending(next.Write)) continue;
            next.Write.Completion.TrySetException(new KvException(KvErrorCode.Timeout, Outcome(next.Write.Attempts > 0)));
            Forget(next.Write);
        }

        ExpireReads(now);
        foreach (var batch in _batches.Where(b => SeemsLost(b, now)).ToArray())
        {
            foreach (var write in batch.Writes) write.Repeats++;
            Requeue(batch);
        }

        RepeatBarriers(now);
        KeepSession(now);
        Flush(now);
    }

    /// <summary>The node stops: nobody may wait for an answer that can't come.</summary>
    public void Stop()
    {
        foreach (var write in _pending.Values.Concat(_unsent).ToArray())
        {
            write.Completion.TrySetException(new KvException(KvErrorCode.Stopped, Outcome(write.Attempts > 0)));
        }

        foreach (var read in _readsWaiting.Concat(_barriers.SelectMany(b => b.Reads)).Concat(_fenced.SelectMany(f => f.Reads)))
        {
            read.Completion.TrySetException(new KvException(KvErrorCode.Stopped));
        }
    }

    /// <summary>Whoever was taken for the leader refuses: asking it again at once would only go round in circles. A new leader ends the wait.</summary>
    private void Pause(TimeSpan now) => _pausedUntil = now + (_repeatAfter / 8);

    private void FlushWrites(NodeId leader, TimeSpan now)
    {
        if (!_sessionOpen)
        {
            if (_opening is null && _unsent.Count > 0) OpenSession(now);
            if (_opening is { Batch: null } opening) Send(leader, [opening], now);
            return;
        }

        while (_unsent.Count > 0 && _batches.Count < BatchesInFlight)
        {
            var writes = new List<PendingWrite>();
            for (var bytes = 0; bytes < BatchBytes && _unsent.TryDequeue(out var write);)
            {
                if (write.Completion.Task.IsCompleted) continue;
                if (write.Number == 0) Enter(write, _lastNumber + 1);
                writes.Add(write);
                bytes += write.Encoded.Length;
            }

            if (writes.Count == 0) return;
            _sessionUsedAt = now;
            Send(leader, writes, now);
        }
    }

    private void Send(NodeId leader, List<PendingWrite> writes, TimeSpan now)
    {
        var batch = new ProposedBatch(++_lastBatch, now) { Remaining = writes.Count };
        var commands = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>(writes.Count);
        foreach (var write in writes)
        {
            batch.Writes.Add(write);
            write.Batch = batch;
            write.Attempts++;
            batch.Repeats = Math.Max(batch.Repeats, write.Repeats);
            commands.Add(write.Encoded);
        }

        _batches.Add(batch);
        Outbox.Add(new Outgoing(leader, Role.Proposer, new Propose(batch.Number, commands.MoveToImmutable())));
    }

    /// <summary>
    /// A message got lost, or its leader did not last: then nothing is applied for an election time-out, or this batch is not while others are for two. Each time it is given
    /// twice as long: where disks are slow with large values, repeats would lengthen the log that they can't keep up with.
    /// </summary>
    private bool SeemsLost(ProposedBatch batch, TimeSpan now)
    {
        var patience = _repeatAfter * (1 << Math.Min(batch.Repeats, MostDoublings));
        var waited = now - batch.SentAt;
        return waited >= patience * 2 || (waited >= patience && now - _appliedAt >= patience);
    }

    /// <summary>Gives a write its place in the client session.</summary>
    private void Enter(PendingWrite write, long number)
    {
        (_lastNumber, write.Number) = (number, number);
        _pending.Add(number, write);
        while (!_pending.ContainsKey(_firstPending)) _firstPending++;
        write.Encoded = CommandCodec.Encode(_clientId, number, _firstPending, write.Command);
    }

    private void OpenSession(TimeSpan now)
    {
        _opening = new PendingWrite(new OpenClientSessionCommand()) { Deadline = TimeSpan.MaxValue };
        Enter(_opening, 1);
        _sessionUsedAt = now;
    }

    /// <summary>The state machine forgets sessions that were idle for an hour of log time: show up now and then.</summary>
    private void KeepSession(TimeSpan now)
    {
        if (!_sessionOpen || now - _sessionUsedAt < TimeSpan.FromMinutes(10)) return;
        _sessionUsedAt = now;
        Write(new PendingWrite(new OpenClientSessionCommand()), now);
    }

    private void Complete(PendingWrite write, KvResult result, TimeSpan now)
    {
        if (result is RefusedResult { Code: KvErrorCode.ClientSessionExpired })
        {
            RenewSession(now);
            return;
        }

        Forget(write);
        if (write == _opening) (_opening, _sessionOpen) = (null, true);
        write.Completion.TrySetResult(result);
    }

    /// <summary>
    /// The session is gone, and with it every copy of what was sent in it: none of those can be applied any more, and none was (this node applies the
    /// whole log and would have answered it). So they go out again under a new session.
    /// </summary>
    private void RenewSession(TimeSpan now)
    {
        var again = _pending.Values.Where(w => w != _opening).OrderBy(w => w.Number).Concat(_unsent).DistinctBy(w => w.Completion).ToArray();
        _pending.Clear();
        _unsent.Clear();
        _batches.Clear();
        (_clientId, _sessionOpen, _opening, _lastNumber, _firstPending) = (_newClientId(), false, null, 0, 1);
        foreach (var write in again)
        {
            (write.Number, write.Batch) = (0, null);
            _unsent.Enqueue(write);
        }

        OpenSession(now);
    }

    private bool IsPending(PendingWrite write) => _pending.TryGetValue(write.Number, out var held) && held == write;

    private void Forget(PendingWrite write)
    {
        _pending.Remove(write.Number);
        if (write.Batch is not { } batch) return;
        write.Batch = null;
        if (--batch.Remaining > 0) return;
        var index = _batches.IndexOf(batch);
        if (index < 0) return;
        _batches.RemoveAt(index);
        // The leader takes messages of one sender in order: an older one that is still unanswered got lost.
        foreach (var older in _batches.Take(index).ToArray()) Requeue(older);
    }

    private void Requeue(ProposedBatch batch)
    {
        if (!_batches.Remove(batch)) return;
        foreach (var write in batch.Writes.Where(w => w.Batch == batch))
        {
            write.Batch = null;
            if (write != _opening) _unsent.Enqueue(write);
        }
    }

    private void Refuse(ProposedBatch batch)
    {
        _batches.Remove(batch);
        foreach (var write in batch.Writes.Where(w => w.Batch == batch))
        {
            write.Batch = null;
            if (write == _opening) continue;
            _pending.Remove(write.Number);
            // This message was refused whole, but an earlier copy may still be under way.
            write.Completion.TrySetException(new KvException(KvErrorCode.Overloaded, Outcome(write.Attempts > 1)));
        }
    }

    private static KvOutcome Outcome(bool mayHaveHappened) => mayHaveHappened ? KvOutcome.Unknown : KvOutcome.DidNotHappen;

    private void CompleteReads()
    {
        _fenced.RemoveAll(fence =>
        {
            if (fence.Slot.Number > _view.AppliedSlot) return false;
            foreach (var read in fence.Reads) read.Completion.TrySetResult(_view);
            PendingReads -= fence.Reads.Count;
            return true;
        });
    }

    private void RequeueReads(Predicate<long> which)
    {
        _barriers.RemoveAll(barrier =>
        {
            if (!which(barrier.Number)) return false;
            _readsWaiting.AddRange(barrier.Reads);
            return true;
        });
    }

    /// <summary>
    /// Asks again under the same number: the answer to either asking will do, since all reads that wait for it began before the first. So reads also go through where an
    /// answer always takes longer than that.
    /// </summary>
    private void RepeatBarriers(TimeSpan now)
    {
        _barriers.RemoveAll(b => b.Reads.Count == 0);
        if (_leader is not { } leader) return;
        for (var i = 0; i < _barriers.Count; i++)
        {
            if (now - _barriers[i].SentAt < _repeatAfter / 2) continue;
            _barriers[i] = _barriers[i] with { SentAt = now, Repeated = true };
            Outbox.Add(new Outgoing(leader, Role.Proposer, new ReadBarrierRequest(_barriers[i].Number)));
        }
    }

    private void ExpireReads(TimeSpan now)
    {
        Expire(_readsWaiting);
        foreach (var barrier in _barriers) Expire(barrier.Reads);
        foreach (var (_, reads) in _fenced) Expire(reads);

        void Expire(List<PendingRead> reads) => PendingReads -= reads.RemoveAll(read =>
        {
            if (now < read.Deadline) return false;
            read.Completion.TrySetException(new KvException(KvErrorCode.Timeout));
            return true;
        });
    }
}
