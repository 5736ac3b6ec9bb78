using System.Collections.Concurrent;
using Akka.Actor;

namespace PaxosStore.Node.Facade;

/// <summary>Sends facade requests to members and hands each reply to whoever waits for its id; a reply nobody waits for is dropped.</summary>
internal sealed class FacadeLink : IDisposable
{
    private readonly ActorSystem _system;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<long, Action<FacadeReply>> _waiting = new();
    private readonly ConcurrentDictionary<Address, ActorSelection> _members = new();
    private readonly IActorRef _receiver;

    // Starts anywhere, so that a client that comes back under its old address does not meet its former watches.
    private long _lastId = Random.Shared.NextInt64(1L << 53);

    public FacadeLink(ActorSystem system, TimeProvider time)
    {
        (_system, _time) = (system, time);
        var waiting = _waiting;
        _receiver = ((ExtendedActorSystem)system).SystemActorOf(Props.Create(() => new Receiver(waiting)), $"paxosstore-client-{Guid.NewGuid():n}");
    }

    public long NewId() => Interlocked.Increment(ref _lastId);

    public void Listen(long id, Action<FacadeReply> take) => _waiting[id] = take;

    public void Forget(long id) => _waiting.TryRemove(id, out _);

    public void Send(Address member, FacadeRequest request) => _members.GetOrAdd(member, Select).Tell(request, _receiver);

    /// <summary>One request, one reply; null when none came in time.</summary>
    public async Task<FacadeReply?> AskAsync(Address member, Func<long, FacadeRequest> request, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var id = NewId();
        var reply = new TaskCompletionSource<FacadeReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        Listen(id, r => reply.TrySetResult(r));
        try
        {
            Send(member, request(id));
            return await reply.Task.WaitAsync(timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return null;
        }
        finally
        {
            Forget(id);
        }
    }

    public void Dispose()
    {
        _receiver.Tell(PoisonPill.Instance, ActorRefs.NoSender);
        _waiting.Clear();
    }

    private ActorSelection Select(Address member) =>
        _system.ActorSelection(new RootActorPath(member) / "user" / AkkaConfig.RootActor / Actors.NodeContext.ActorName(Consensus.Role.Client));

    private sealed class Receiver(ConcurrentDictionary<long, Action<FacadeReply>> waiting) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is FacadeReply reply && waiting.TryGetValue(reply.Id, out var take)) take(reply);
        }
    }
}
