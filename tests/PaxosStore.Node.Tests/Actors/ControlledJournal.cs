using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Journal;
using PaxosStore.Node.Journal;

namespace PaxosStore.Node.Tests.Actors;

/// <summary>What a test makes its journal do, and what the journal has seen.</summary>
internal sealed class JournalControl
{
    private readonly Lock _gate = new();
    private readonly List<IPersistentRepresentation> _events = [];
    private readonly List<JournalBatch> _begun = [];

    /// <summary>The control of the running test: tests of this assembly run one at a time.</summary>
    public static JournalControl Current { get; set; } = new();

    /// <summary>Writes wait for it.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Makes writes fail: what reached the disk is unknown.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Makes writes be rejected: nothing reached the disk.</summary>
    public Exception? Rejection { get; set; }

    /// <summary>Makes what is on the disk unreadable.</summary>
    public Exception? Unreadable { get; set; }

    /// <summary>Batches handed to the journal.</summary>
    public IReadOnlyList<JournalBatch> Begun
    {
        get
        {
            lock (_gate) return [.. _begun];
        }
    }

    /// <summary>Events on the disk.</summary>
    public IReadOnlyList<IPersistentRepresentation> Events
    {
        get
        {
            lock (_gate) return [.. _events];
        }
    }

    public static Config Config { get; } = ConfigurationFactory.ParseString("""
        akka.loglevel = OFF
        akka.persistence.journal.plugin = "akka.persistence.journal.controlled"
        akka.persistence.journal.controlled {
          class = "PaxosStore.Node.Tests.Actors.ControlledJournal, PaxosStore.Node.Tests"
          plugin-dispatcher = "akka.actor.default-dispatcher"
        }
        akka.persistence.snapshot-store.plugin = "akka.persistence.snapshot-store.inmem"
        """);

    public void Begin(JournalBatch batch)
    {
        lock (_gate) _begun.Add(batch);
    }

    public void Store(IPersistentRepresentation written)
    {
        lock (_gate) _events.Add(written);
    }

    /// <summary>An event is gone from the disk, and nothing else.</summary>
    public void Lose(long number)
    {
        lock (_gate) _events.RemoveAll(e => e.SequenceNr == number);
    }

    public void Delete(long through)
    {
        lock (_gate) _events.RemoveAll(e => e.SequenceNr <= through);
    }
}

/// <summary>A journal in memory that waits, fails and rejects as told by <see cref="JournalControl"/>.</summary>
internal sealed class ControlledJournal : AsyncWriteJournal
{
    private readonly JournalControl _control = JournalControl.Current;

    public override Task ReplayMessagesAsync(
        IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max,
        Action<IPersistentRepresentation> recoveryCallback)
    {
        if (_control.Unreadable is { } unreadable) throw unreadable;
        foreach (var stored in _control.Events) recoveryCallback(stored);
        return Task.CompletedTask;
    }

    public override Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr, CancellationToken cancellationToken) =>
        Task.FromResult(_control.Events.Select(e => e.SequenceNr).DefaultIfEmpty(0).Max());

    protected override async Task<IImmutableList<Exception>?> WriteMessagesAsync(
        IEnumerable<AtomicWrite> messages, CancellationToken cancellationToken)
    {
        var writes = messages.ToArray();
        var events = writes.SelectMany(m => (IEnumerable<IPersistentRepresentation>)m.Payload).ToArray();
        foreach (var written in events) _control.Begin((JournalBatch)written.Payload);
        await _control.Gate.WaitAsync(cancellationToken);
        if (_control.Failure is { } failure) throw failure;
        if (_control.Rejection is { } rejection) return [.. writes.Select(_ => rejection)];
        foreach (var written in events) _control.Store(written);
        return null;
    }

    protected override Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr, CancellationToken cancellationToken)
    {
        _control.Delete(toSequenceNr);
        return Task.CompletedTask;
    }
}
