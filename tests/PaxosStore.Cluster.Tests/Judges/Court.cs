using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>All judges over one history.</summary>
internal static class Court
{
    /// <summary>Fails the test, keeping the history as a file, unless every judge is content.</summary>
    public static void Judge(HistoryRecorder recorder, LogDump log, int atLeast)
    {
        var operations = recorder.Snapshot();
        var witness = RevisionWitness.Check(operations, log);
        var search = Linearizability.Check(operations);
        var answered = operations.Count(o => o.Outcome == Outcome.Ok);
        if (witness.IsClean && search.IsClean && answered >= atLeast)
            return;
        var file = Path.Combine(Path.GetTempPath(), $"history-{Environment.ProcessId}-{Guid.NewGuid():N}.jsonl");
        recorder.Save(file);
        Assert.Fail($"{answered} answered operations ({atLeast} wanted); history in {file}\nrevision witness: {witness}\nlinearizability: {search}");
    }
}
