using PaxosStore.Cluster.Tests.Blackbox;

namespace PaxosStore.Campaign;

/// <summary>What a campaign has come to so far.</summary>
internal sealed class BlackboxTally
{
    private readonly SortedDictionary<string, long> _faults = new(StringComparer.Ordinal);
    private readonly List<int> _failedSeeds = [];
    private long _operations;
    private long _acknowledged;
    private long _unknown;
    private long _events;
    private long _leaderChanges;

    public int Passed { get; private set; }

    public int Failed { get; private set; }

    public int Invalid { get; private set; }

    public void Add(RunOutcome run)
    {
        switch (run.Verdict)
        {
            case RunVerdict.Passed:
                Passed++;
                break;
            case RunVerdict.Failed:
                Failed++;
                _failedSeeds.Add(run.Plan.Seed);
                break;
            default:
                Invalid++;
                return; // what it did counts for nothing
        }

        _operations += run.Operations;
        _acknowledged += run.Acknowledged;
        _unknown += run.Unknown;
        _events += run.WatchEvents;
        _leaderChanges += run.LeaderChanges;
        foreach (var (kind, times) in run.Faults)
            _faults[kind] = _faults.GetValueOrDefault(kind) + times;
    }

    public BlackboxResult Result(double seconds) => new(
        Results.Stamp(), Passed, Failed, Invalid, _operations, _acknowledged, _unknown, _events, _leaderChanges, seconds, new SortedDictionary<string, long>(_faults), [.. _failedSeeds]);

    public override string ToString() =>
        $"""
        {Passed} passed, {Failed} failed, {Invalid} invalid{(_failedSeeds.Count > 0 ? $" (failed seeds: {string.Join(", ", _failedSeeds)})" : "")}
        {_operations:N0} operations, {_acknowledged:N0} acknowledged, {_unknown:N0} of unknown fate; {_events:N0} watch events; {_leaderChanges:N0} leader changes
        faults: {string.Join(", ", _faults.Select(f => $"{f.Key} {f.Value:N0}"))}
        """;
}
