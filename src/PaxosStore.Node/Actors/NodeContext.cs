using System.Collections.Immutable;
using Akka.Actor;
using PaxosStore.Consensus;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Actors;

/// <summary>What the actors of one node share: who it is, its clock, its members, and the way to every role of every member.</summary>
internal sealed class NodeContext
{
    // What was known at the start counts as long as the log applied here is older: a newcomer begins from a snapshot that may not know it yet.
    private sealed record Members(ImmutableArray<Governing> Governing, ImmutableArray<Governing> Known, ImmutableDictionary<NodeId, IActorRef[]> Routes)
    {
        public bool Has(NodeId node) =>
            Has(Governing, node) || (Governing[^1].Configuration.Version < Known[^1].Configuration.Version && Has(Known, node));

        private static bool Has(ImmutableArray<Governing> governing, NodeId node)
        {
            foreach (var (_, configuration) in governing)
            {
                if (configuration.Find(node) is not null) return true;
            }

            return false;
        }
    }

    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly IActorRef?[] _local = new IActorRef?[4];
    private readonly Lock _gate = new();
    private IActorRefProvider? _provider;
    private NodeIdentity _identity;
    private Members _members;
    private bool _takesPart;
    private bool _diskIsBehind;

    /// <summary>A node that is, until its journal says otherwise, who its settings make it.</summary>
    public NodeContext(NodeSettings settings, TimeProvider time)
    {
        (Settings, _time, _start) = (settings, time, time.GetTimestamp());
        _identity = new NodeIdentity(settings.ClusterId, new NodeId(settings.MemberId), NodeIdentity.Draw());
        ImmutableArray<Governing> first = [new Governing(Slot.Zero.Next, NodeIdentity.FirstConfiguration(settings))];
        _members = new Members(first, first, ImmutableDictionary<NodeId, IActorRef[]>.Empty);
    }

    public NodeSettings Settings { get; }

    public NodeIdentity Identity => Volatile.Read(ref _identity);

    public NodeId Self => Identity.Self;

    public ulong ClusterId => Identity.ClusterId;

    /// <summary>What governs the slots after those applied here.</summary>
    public ImmutableArray<Governing> Governing => Volatile.Read(ref _members).Governing;

    /// <summary>The newest configuration applied here.</summary>
    public Configuration Newest => Governing[^1].Configuration;

    /// <summary>Monotonic time since the node started; goes on while the process is suspended.</summary>
    public TimeSpan Elapsed => _time.GetElapsedTime(_start);

    public Instant Now => new(Elapsed, _time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>This node takes part in votes. One that lost records of its journal does so only when the others have told what it must know; its reads go on.</summary>
    public bool TakesPart
    {
        get => Volatile.Read(ref _takesPart);
        set => Volatile.Write(ref _takesPart, value);
    }

    /// <summary>So much waits for the disk that nothing more may come; see <see cref="PaxosOptions.BacklogBytes"/>.</summary>
    public bool DiskIsBehind
    {
        get => Volatile.Read(ref _diskIsBehind);
        set => Volatile.Write(ref _diskIsBehind, value);
    }

    /// <summary>The journal knows who this node is.</summary>
    public void Become(NodeIdentity identity) => Volatile.Write(ref _identity, identity);

    /// <summary>From now on messages can be sent.</summary>
    public void Connect(ActorSystem system)
    {
        _provider = ((ExtendedActorSystem)system).Provider;
        Array.Clear(_local);
        Volatile.Write(ref _members, _members with { Routes = ImmutableDictionary<NodeId, IActorRef[]>.Empty });
        Govern(Governing);
    }

    /// <summary>The newest configurations this node knows itself a member of when it starts.</summary>
    public void Know(ImmutableArray<Governing> known)
    {
        lock (_gate) Volatile.Write(ref _members, _members with { Governing = known, Known = known });
        Govern(known);
    }

    /// <summary>
    /// Other members govern now. The way to a former one stays, so that it can be told. References are by path without incarnation, so that a restarted process is
    /// found again. That needs roles which are never stopped and made anew within one ActorSystem: the receiving side caches what a path resolved to.
    /// </summary>
    public void Govern(ImmutableArray<Governing> governing)
    {
        lock (_gate)
        {
            var routes = _members.Routes;
            foreach (var member in governing.SelectMany(g => g.Configuration.Members))
            {
                if (member.Id != Self && Uri.TryCreate(member.Address, UriKind.Absolute, out var url)) routes = routes.SetItem(member.Id, [.. RolesAt(url)]);
            }

            Volatile.Write(ref _members, _members with { Governing = governing, Routes = routes });
        }
    }

    /// <summary>The root actor of the node at a peer URL.</summary>
    public IActorRef RootAt(Uri url) => _provider!.ResolveActorRef(Root(url).ToString());

    public void Register(Role role, IActorRef actor) => _local[(int)role] = actor;

    public static string ActorName(Role role) => role switch
    {
        Role.Proposer => "proposer",
        Role.Acceptor => "acceptor",
        Role.Learner => "learner",
        _ => "kv",
    };

    /// <summary>Sends all of them, to this node's own roles first: while these work, the others are put on the wire.</summary>
    public void Send(IReadOnlyList<Outgoing> messages)
    {
        foreach (var message in messages)
        {
            if (message.To == Self) Send(message);
        }

        foreach (var message in messages)
        {
            if (message.To != Self) Send(message);
        }
    }

    public void Send(Outgoing message)
    {
        var target = message.To == Self ? _local[(int)message.Role]
            : Volatile.Read(ref _members).Routes.TryGetValue(message.To, out var roles) ? roles[(int)message.Role] : null;
        target?.Tell(new PeerMessage(ClusterId, Self, message.Message), ActorRefs.NoSender);
    }

    /// <summary>Whether a message is of this cluster and from a member of it. A former member may ask what has become of it, and is answered.</summary>
    public bool Accepts(PeerMessage message)
    {
        if (message.ClusterId != ClusterId) return false;
        if (message.From == Self) return true;
        var members = Volatile.Read(ref _members);
        return members.Has(message.From) || (message.Message is Probe or Fetch or SnapshotRequest or NotMember && members.Routes.ContainsKey(message.From));
    }

    private IEnumerable<IActorRef> RolesAt(Uri url) => Enum.GetValues<Role>().Select(role => _provider!.ResolveActorRef((Root(url) / ActorName(role)).ToString()));

    private ActorPath Root(Uri url) =>
        new RootActorPath(new Address(_provider!.DefaultAddress.Protocol, AkkaConfig.SystemName, url.Host, url.Port)) / "user" / AkkaConfig.RootActor;
}
