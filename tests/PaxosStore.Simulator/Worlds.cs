using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The replicated state of one node: a function of the log.</summary>
internal interface INodeState
{
    /// <summary>Highest slot applied.</summary>
    long Applied { get; }

    /// <summary>Equal on all nodes that have applied the same log so far, cheap to tell.</summary>
    ulong Chain { get; }

    /// <summary>Covers the whole state.</summary>
    ulong Digest { get; }

    /// <summary>The process starts: nothing is applied.</summary>
    void Reset();

    /// <summary>Applies the next slot; tells the judge of every request that takes effect.</summary>
    void Apply(ChosenValue chosen, Judge judge);

    /// <summary>Whether a snapshot is due, so many slots after the last.</summary>
    bool WantsSnapshot(int slots);

    /// <summary>Begins a snapshot of the state as it is now; what is returned gives its bytes, perhaps much later.</summary>
    Func<byte[]> Save();

    /// <summary>The state in a snapshot, while nothing is applied yet.</summary>
    void Load(byte[] saved);

    /// <summary>The state in a snapshot takes the place of the one that is there.</summary>
    void Install(byte[] saved);

    /// <summary>Another state, read from a snapshot, to be looked at.</summary>
    INodeState Read(byte[] saved);
}

/// <summary>Who uses the store in a run, and what is demanded of it on their behalf.</summary>
internal interface IWorkload
{
    /// <summary>The write and the read demanded at the end are done.</summary>
    bool ProbeDone { get; }

    void Begin();

    /// <summary>Nothing new is begun but a write and a read after it, at a node.</summary>
    void BeginProbe(int home);

    /// <summary>Whether a client asked for these bytes.</summary>
    bool Asked(ReadOnlyMemory<byte> command);

    /// <summary>A client's turn.</summary>
    void Turn(int index, long turn);

    /// <summary>Something for the client side of a node.</summary>
    void OnMessage(SimNode node, NodeId from, Message message);

    /// <summary>A node starts: its state is as its snapshot has it.</summary>
    void OnStarted(SimNode node);

    /// <summary>A node's process is gone.</summary>
    void OnStopped(SimNode node);

    /// <summary>A node that stood still goes on.</summary>
    void OnResumed(SimNode node);

    /// <summary>A node's proposer has moved.</summary>
    void OnProposer(SimNode node);

    /// <summary>Time passes on a node.</summary>
    void OnTick(SimNode node);

    /// <summary>A node applied a slot.</summary>
    void OnApplied(SimNode node, ChosenValue chosen);

    /// <summary>A node's state jumped.</summary>
    void OnInstalled(SimNode node);

    /// <summary>All of the core are level after the faults: what else must hold in the end.</summary>
    void Settle();
}
