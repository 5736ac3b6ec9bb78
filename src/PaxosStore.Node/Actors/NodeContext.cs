using Akka.Actor;
using PaxosStore.Consensus;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>What the actors of one node share: who it is, its clock, and the way to every role of every member.</summary>
internal sealed class NodeContext
{
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly IReadOnlyDictionary<string, Uri> _members;
    private readonly Dictionary<NodeId, IActorRef[]> _remote = [];
    private readonly IActorRef?[] _local = new IActorRef?[4];

    public NodeContext(NodeSettings settings, TimeProvider time)
    {
        (Settings, _time, _start, _members) = (settings, time, time.GetTimestamp(), settings.InitialCluster);
        Self = new NodeId(settings.MemberId);
        ClusterId = settings.ClusterId;
        Configuration = new Configuration(_members.Values.Select(url => new NodeId(settings.MemberIdOf(url))));
    }

    public NodeSettings Settings { get; }

    public NodeId Self { get; }

    public ulong ClusterId { get; }

    public Configuration Configuration { get; }

    /// <summary>Monotonic time since the node started; goes on while the process is suspended.</summary>
    public TimeSpan Elapsed => _time.GetElapsedTime(_start);

    public Instant Now => new(Elapsed, _time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>
    /// Builds the ways to the other members: references by path without incarnation, so that a restarted process is found again. That needs roles which are
    /// never stopped and made anew within one ActorSystem: the receiving side caches what a path resolved to.
    /// </summary>
    public void Connect(ActorSystem system)
    {
        var provider = ((ExtendedActorSystem)system).Provider;
        var protocol = provider.DefaultAddress.Protocol;
        foreach (var url in _members.Values)
        {
            var id = new NodeId(Settings.MemberIdOf(url));
            if (id == Self) continue;
            var root = new RootActorPath(new Address(protocol, AkkaConfig.SystemName, url.Host, url.Port)) / "user" / AkkaConfig.RootActor;
            _remote[id] = [.. Enum.GetValues<Role>().Select(role => provider.ResolveActorRef((root / ActorName(role)).ToString()))];
        }
    }

    public void Register(Role role, IActorRef actor) => _local[(int)role] = actor;

    public static string ActorName(Role role) => role switch
    {
        Role.Proposer => "proposer",
        Role.Acceptor => "acceptor",
        Role.Learner => "learner",
        _ => "kv",
    };

    public void Send(IEnumerable<Outgoing> messages)
    {
        foreach (var message in messages) Send(message);
    }

    public void Send(Outgoing message)
    {
        var target = message.To == Self ? _local[(int)message.Role] : _remote.TryGetValue(message.To, out var roles) ? roles[(int)message.Role] : null;
        target?.Tell(new PeerMessage(ClusterId, Self, message.Message), ActorRefs.NoSender);
    }

    /// <summary>Whether a message is of this cluster and from a member of it.</summary>
    public bool Accepts(PeerMessage message) => message.ClusterId == ClusterId && (message.From == Self || _remote.ContainsKey(message.From));
}
