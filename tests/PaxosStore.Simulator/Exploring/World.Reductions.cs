using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>
/// States that differ only in what can have no effect any more are one. All of it leans on the rules of the product, so a mistake made on purpose is explored without.
/// </summary>
internal sealed partial class World
{
    private readonly int[] _idle;
    private readonly List<int> _kept = [];

    private bool Reduces => !_bounds.Plain && _rules.GetType() == typeof(SafetyRules);

    /// <summary>Forgets what can have no effect any more.</summary>
    private void Forget(Span<int> state)
    {
        if (!Reduces) return;
        for (var node = 0; node < _bounds.Nodes; node++)
        {
            if (IsRetired(state, node)) state[node * PerNode] = _idle[node];
        }

        _kept.Clear();
        ListNetwork(state[Network]);
        foreach (var id in _onNetwork)
        {
            if (!IsVain(state, _letters[id]) && !IsVoid(state, _letters[id])) _kept.Add(id);
        }

        if (_kept.Count < _onNetwork.Count) state[Network] = _networks.Of(_kept);
    }

    /// <summary>A proposer that neither leads nor prepares, and will not get another chance to, has no effect on anybody.</summary>
    private bool IsRetired(ReadOnlySpan<int> state, int node) =>
        _roles[state[node * PerNode]].Phase == ProposerPhase.Idle && (node >= _bounds.Candidates || Left(state, Happening.Elects) == 0);

    private bool IsAt(ReadOnlySpan<int> state, Ballot ballot)
    {
        var proposer = _roles[state[((int)ballot.Node.Value - 1) * PerNode]];
        return proposer.Ballot == ballot && proposer.Phase != ProposerPhase.Idle;
    }

    /// <summary>
    /// Whether a letter to a proposer can do nothing. A ballot is prepared once and led under once, so promises and votes for another than the one it is at come too late
    /// for ever; the round that they tell of is no news to a node whose own promise for it came first. Refusals tell of rounds, which matter to a further attempt only.
    /// </summary>
    private bool IsVain(ReadOnlySpan<int> state, Letter letter)
    {
        if (!Reduces || letter.Receiver != Role.Proposer) return false;
        if (IsRetired(state, letter.To)) return true;
        var proposer = _roles[state[letter.To * PerNode]];
        var isLast = Left(state, Happening.Elects) == 0;
        return letter.Message switch
        {
            Promise m => proposer.Phase != ProposerPhase.Preparing || proposer.Ballot != m.Ballot,
            Accepted m => proposer.Phase != ProposerPhase.Leading || proposer.Ballot != m.Ballot,
            PrepareRejected m => isLast && proposer.Ballot != m.Ballot,
            AcceptRejected m => isLast && proposer.Ballot != m.Ballot,
            _ => false,
        };
    }

    /// <summary>
    /// Whether a letter to an acceptor can do nothing: it has promised more, and will not forget that in a crash, so it can only refuse what nobody asks any more.
    /// </summary>
    private bool IsVoid(ReadOnlySpan<int> state, Letter letter)
    {
        if (letter.Receiver != Role.Acceptor || Left(state, Happening.Elects) > 0 || MayCrash(state, letter.To)) return false;
        var ballot = letter.Message switch { Prepare m => m.Ballot, Accept m => m.Ballot, _ => Ballot.None };
        return ballot != Ballot.None && _roles[state[(letter.To * PerNode) + (int)Role.Acceptor]].Promised > ballot && !IsAt(state, ballot);
    }
}
