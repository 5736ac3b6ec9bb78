using System.Diagnostics;
using Akka.Actor;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>Make a snapshot of a pinned state; the pin is let go when it is done.</summary>
internal sealed record TakeSnapshot(KvPin Pin, LogBase Base);

/// <summary>A snapshot is durable, or could not be made (0 bytes).</summary>
internal sealed record SnapshotTaken(long Slot, long Bytes);

/// <summary>Another node wants a piece.</summary>
internal sealed record ServePiece(NodeId To, SnapshotRequest Request);

/// <summary>A piece that this node waits for has come.</summary>
internal sealed record ReceivePiece(SnapshotPiece Piece);

/// <summary>It is stored: the next one may come.</summary>
internal sealed record PieceStored(SnapshotPiece Piece);

/// <summary>The last piece is stored, the whole is verified and durable.</summary>
internal sealed record SnapshotReceived(LogBase Base, KvStateMachine State, long Bytes);

/// <summary>What was received can't be used.</summary>
internal sealed record SnapshotUseless(string Reason);

/// <summary>
/// Keeps this node's snapshots: makes them beside the running apply, serves their chunks to peers, takes in what peers send. Two generations stay, and the log is
/// cut only below the older: a damaged snapshot costs nothing as long as the one before it is sound.
/// </summary>
internal sealed class SnapshotActor : UntypedActor, IDisposable
{
    private const int Generations = 2;

    // Small enough that a heartbeat behind a piece on the same connection is not late; a row costs much the same whatever its size.
    private const int ChunkBytes = 512 << 10;

    private readonly NodeContext _node;
    private readonly SnapshotVault _vault;
    private readonly Func<long, bool> _hasRoom;
    private readonly ILogger _log;
    private readonly CancellationToken _stopping;

    // Newest first.
    private readonly List<SnapshotManifest> _sealed;
    private SnapshotIntake? _intake;

    public SnapshotActor(
        NodeContext node, SnapshotVault vault, IReadOnlyList<SnapshotManifest> found, Func<long, bool> hasRoom, ILogger log,
        CancellationToken stopping)
    {
        (_node, _vault, _hasRoom, _log, _stopping) = (node, vault, hasRoom, log, stopping);
        _sealed = [.. found];
    }

    protected override void PreStart() => Prune();

    /// <inheritdoc/>
    public void Dispose() => _intake?.Dispose();

    protected override void PostStop() => Dispose();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case TakeSnapshot m: Take(m); break;
            case Written m: OnWritten(m); break;
            case ServePiece m: Serve(m); break;
            case ReceivePiece m: Receive(m.Piece); break;
            case Taken m: OnTaken(m); break;
        }
    }

    public static LogBase BaseOf(SnapshotManifest manifest) => WireCodec.FromWire(WireLogBase.Parser.ParseFrom(manifest.Base.Span));

    // Own snapshots.

    private void Take(TakeSnapshot m)
    {
        var asker = Sender;
        var view = m.Pin.View;
        if (view.AppliedSlot == 0 || _sealed.Any(s => s.Slot == view.AppliedSlot) || !_hasRoom(view.HistoryBytes * 2))
        {
            m.Pin.Dispose();
            asker.Tell(new SnapshotTaken(view.AppliedSlot, 0));
            return;
        }

        Task.Run(() => WriteAsync(_vault, m.Pin, m.Base, _stopping)).PipeTo(
            Self, ActorRefs.NoSender,
            manifest => new Written(asker, view.AppliedSlot, manifest, ""),
            error => new Written(asker, view.AppliedSlot, null, error.GetBaseException().Message));
    }

    /// <summary>Writes a snapshot of a pinned state. Half of the time it rests, so that what serves clients has the disk and a core to itself.</summary>
    public static async Task<SnapshotManifest> WriteAsync(SnapshotVault vault, KvPin pin, LogBase logBase, CancellationToken cancellation)
    {
        using (pin)
        {
            using var digest = KvSnapshot.NewHash();
            var (index, bytes) = (0, 0L);
            var slot = logBase.Through.Number;
            foreach (var chunk in KvSnapshot.Write(pin.View, ChunkBytes, digest))
            {
                var began = Stopwatch.GetTimestamp();
                bytes += chunk.Length;
                await vault.WriteChunkAsync(slot, index++, chunk, cancellation).ConfigureAwait(false);
                await Task.Delay(Stopwatch.GetElapsedTime(began), cancellation).ConfigureAwait(false);
            }

            var manifest = new SnapshotManifest(slot, index, bytes, digest.GetHashAndReset(), WireCodec.ToWire(logBase).ToByteArray());
            await vault.SealAsync(manifest, cancellation).ConfigureAwait(false);
            return manifest;
        }
    }

    private void OnWritten(Written m)
    {
        m.Asker.Tell(new SnapshotTaken(m.Slot, m.Manifest?.Bytes ?? 0));
        if (m.Manifest is not { } manifest)
        {
            _log.SnapshotFailed(m.Slot, m.Error);
            Forget(m.Slot);
            return;
        }

        _log.SnapshotWritten(manifest.Slot, manifest.Bytes);
        Add(manifest);
        if (_sealed.Count >= Generations) _node.Send(new Outgoing(_node.Self, Role.Acceptor, new Truncate(BaseOf(_sealed[Generations - 1]))));
    }

    private void Add(SnapshotManifest manifest)
    {
        _sealed.Add(manifest);
        _sealed.Sort((a, b) => b.Slot.CompareTo(a.Slot));
        Prune();
    }

    private void Prune()
    {
        foreach (var old in _sealed.Skip(Generations)) Forget(old.Slot);
        if (_sealed.Count > Generations) _sealed.RemoveRange(Generations, _sealed.Count - Generations);
    }

    private void Forget(long slot) => _vault.DeleteAsync(slot, _stopping).ContinueWith(
        failed => _log.SnapshotNotDeleted(slot, failed.Exception!.GetBaseException().Message), CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    // Peers.

    private void Serve(ServePiece m)
    {
        var request = m.Request;
        var manifest = request.Slot == Slot.Zero ? _sealed.FirstOrDefault() : _sealed.Find(s => s.Slot == request.Slot.Number);
        if (manifest is null || manifest.Slot <= request.Above.Number || request.Index < 0 || request.Index >= manifest.Chunks)
        {
            _node.Send(new Outgoing(m.To, Role.Learner, new SnapshotGone(request.Slot)));
            return;
        }

        _ = ServeAsync(m.To, manifest, request.Index);
    }

    private async Task ServeAsync(NodeId to, SnapshotManifest manifest, int index)
    {
        Message answer;
        try
        {
            var data = await _vault.ReadChunkAsync(manifest.Slot, index, _stopping).ConfigureAwait(false);
            answer = new SnapshotPiece(BaseOf(manifest), manifest.Chunks, index, manifest.Sha256, data);
        }
        catch (Exception e) when (e is SnapshotCorruptException or SnapshotStorageException or OperationCanceledException)
        {
            if (e is not OperationCanceledException) _log.SnapshotDamaged(e.Message);
            answer = new SnapshotGone(new Slot(manifest.Slot));
        }

        _node.Send(new Outgoing(to, Role.Learner, answer));
    }

    private void Receive(SnapshotPiece piece)
    {
        var learner = Sender;
        if (piece.Index == 0)
        {
            _intake?.Dispose();
            _intake = new SnapshotIntake(_vault, piece);
        }

        if (_intake is not { } intake)
        {
            learner.Tell(new SnapshotUseless("its beginning is missing"));
            return;
        }

        intake.AddAsync(piece, _stopping).PipeTo(
            Self, ActorRefs.NoSender, () => new Taken(learner, piece, null, ""), error => new Taken(learner, piece, null, error.GetBaseException().Message));
    }

    private void OnTaken(Taken m)
    {
        var (slot, count) = (m.Piece.Base.Through.Number, m.Piece.Count);
        if (m.Error.Length > 0 || _intake is not { } intake)
        {
            Forget(slot);
            _intake?.Dispose();
            _intake = null;
            m.Learner.Tell(new SnapshotUseless(m.Error));
        }
        else if (m.Whole is { } whole)
        {
            _intake = null;
            Add(whole.Manifest);
            m.Learner.Tell(new SnapshotReceived(m.Piece.Base, whole.State, whole.Manifest.Bytes));
        }
        else
        {
            if (m.Piece.Index % Math.Max(1, count / 10) == 0) _log.SnapshotPiece(slot, m.Piece.Index + 1, count);
            m.Learner.Tell(new PieceStored(m.Piece));
            if (m.Piece.Index + 1 < count) return;
            intake.CompleteAsync(_stopping).PipeTo(
                Self, ActorRefs.NoSender,
                done => new Taken(m.Learner, m.Piece, done, ""),
                error => new Taken(m.Learner, m.Piece, null, error.GetBaseException().Message));
        }
    }

    private sealed record Written(IActorRef Asker, long Slot, SnapshotManifest? Manifest, string Error);

    private sealed record Taken(IActorRef Learner, SnapshotPiece Piece, WholeSnapshot? Whole, string Error);
}

/// <summary>A snapshot that came whole: its state, and its manifest as sealed here.</summary>
internal sealed record WholeSnapshot(SnapshotManifest Manifest, KvStateMachine State);

/// <summary>Takes in the pieces of one snapshot: each goes to this node's store and into the state being built; the last one seals it.</summary>
internal sealed class SnapshotIntake(SnapshotVault vault, SnapshotPiece first) : IDisposable
{
    private readonly KvSnapshotReader _reader = new();
    private long _bytes;

    /// <summary>Stores a piece.</summary>
    /// <exception cref="FormatException">The pieces are no snapshot.</exception>
    public async Task AddAsync(SnapshotPiece piece, CancellationToken cancellation)
    {
        await vault.WriteChunkAsync(piece.Base.Through.Number, piece.Index, piece.Data, cancellation).ConfigureAwait(false);
        _reader.Add(piece.Data.Span);
        _bytes += piece.Data.Length;
    }

    /// <summary>All pieces are there: verifies the whole and makes it durable.</summary>
    /// <exception cref="FormatException">They are not the whole of that snapshot.</exception>
    public async Task<WholeSnapshot> CompleteAsync(CancellationToken cancellation)
    {
        var slot = first.Base.Through.Number;
        var state = _reader.Complete();
        if (state.View.AppliedSlot != slot) throw new FormatException($"it is of slot {state.View.AppliedSlot}, not {slot}");
        var manifest = new SnapshotManifest(slot, first.Count, _bytes, first.Digest, WireCodec.ToWire(first.Base).ToByteArray());
        await vault.SealAsync(manifest, cancellation).ConfigureAwait(false);
        return new WholeSnapshot(manifest, state);
    }

    public void Dispose() => _reader.Dispose();
}
