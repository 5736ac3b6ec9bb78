using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>What is durable on a node. Journals that a restart could not tell apart, and that hold the same votes, are one.</summary>
/// <param name="Id">Counts all disks.</param>
/// <param name="Records">The journal.</param>
/// <param name="Promised">Highest ballot promised, in whatever record.</param>
/// <param name="Votes">All votes ever written down; a value by its number.</param>
/// <param name="Held">What an acceptor made from it holds in slots 1 ….</param>
internal sealed record DiskState(
    int Id, JournalRecord[] Records, Ballot Promised, HashSet<(Slot Slot, Ballot Ballot, int Value)> Votes, (Ballot Ballot, int Value)[] Held);

/// <summary>All journals and records there have been.</summary>
internal sealed class Disks
{
    private readonly Fingerprint _fingerprint;
    private readonly Roles _roles;
    private readonly Dictionary<UInt128, int> _recordIds = [];
    private readonly List<JournalRecord> _records = [];
    private readonly Dictionary<(int Disk, int Record), DiskState> _longer = [];
    private readonly Dictionary<(UInt128 Recovered, UInt128 Votes), DiskState> _known = [];
    private readonly List<DiskState> _all = [];

    public Disks(Fingerprint fingerprint, Roles roles) => (_fingerprint, _roles) = (fingerprint, roles);

    public DiskState this[int id] => _all[id];

    public JournalRecord Record(int id) => _records[id];

    public int IdOf(JournalRecord record)
    {
        var key = _fingerprint.Of(record);
        if (_recordIds.TryGetValue(key, out var id)) return id;
        _recordIds[key] = id = _records.Count;
        _records.Add(record);
        return id;
    }

    /// <summary>The disk of a member that has been admitted long ago and has seen nothing yet.</summary>
    public DiskState First(int node) => Of(node, [new AdmittedRecord()], Ballot.None, []);

    public DiskState With(int node, DiskState disk, int record)
    {
        if (_longer.TryGetValue((disk.Id, record), out var longer)) return longer;
        var added = _records[record];
        var votes = new HashSet<(Slot, Ballot, int)>(disk.Votes);
        if (added is AcceptRecord a) votes.Add((a.Slot, a.Ballot, _roles.ValueOf(a.Value)));
        var ballot = added switch { PromiseRecord r => r.Ballot, AcceptRecord r => r.Ballot, _ => Ballot.None };
        return _longer[(disk.Id, record)] = Of(node, [.. disk.Records, added], ballot > disk.Promised ? ballot : disk.Promised, votes);
    }

    private DiskState Of(int node, JournalRecord[] records, Ballot promised, HashSet<(Slot, Ballot, int)> votes)
    {
        var acceptor = _roles.Recovered(node, records);
        var key = (_fingerprint.Of(acceptor), _fingerprint.Of(votes));
        if (_known.TryGetValue(key, out var disk)) return disk;
        _all.Add(_known[key] = disk = new DiskState(_all.Count, records, promised, votes, _roles.Votes(acceptor)));
        return disk;
    }
}
