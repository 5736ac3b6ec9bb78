using PaxosStore.Cli.Snapshots;

namespace PaxosStore.Cli.Commands;

/// <summary>The way back when a majority of the members is lost for good.</summary>
internal static class RecoverCommand
{
    private const string Word = "accept";

    internal static async Task<int> RunAsync(Session session)
    {
        var directory = Path.GetFullPath(session.Option("data-dir") ?? throw session.Usage("--data-dir is needed: the directory of the member that survived"));
        if (!Directory.Exists(directory)) throw new CtlException($"{directory} is not there: name the data directory of the member that survived");
        var journal = Path.Combine(directory, "journal.db");
        if (new FileInfo(journal) is not { Exists: true, Length: > 0 })
        {
            throw new CtlException(
                $"{directory} holds no journal (journal.db), so there is nothing to recover from: name the data directory of a member that ran");
        }

        // Held to the end, so that no node starts in between.
        using var held = Hold(directory);
        await session.WarnAsync(Warning(directory));
        if (!session.Has("i-accept-data-loss")) await AskAsync(session);
        Durable.WriteFile(Path.Combine(directory, "recover.json"), """{"version":1}""");
        await session.SayAsync(Next(directory));
        return Ctl.Success;
    }

    private static string Warning(string directory) =>
        $"""

        WARNING: this makes a new cluster of ONE member from {directory}.

          * Writes that were acknowledged by members that are lost, and have not reached this one, ARE LOST.
          * Writes that clients saw fail may turn out to have happened.
          * The other members of the old cluster must never be started again on their old directories: stop them and
            move those directories away. They would go on as the old cluster, beside the new one.
          * If a majority of the members can be started again, or their disks can be read, do that instead of this.
          * Copy {directory} to a safe place first.

        """;

    private static async Task AskAsync(Session session)
    {
        if (!session.Terminal.Interactive) throw session.Usage("nothing was done; to go on, add --i-accept-data-loss");
        await session.Terminal.Error.WriteAsync($"Type '{Word}' to go on: ");
        var answer = await session.Terminal.Input.ReadLineAsync(session.Cancellation);
        if (answer?.Trim() != Word) throw new CtlException("nothing was done");
    }

    private static string Next(string directory) =>
        $"""
        {directory} is marked. The node that starts on it once more forms a new cluster of one, with a cluster id of its own:

          PaxosStore.Server --data-dir {directory} <ALL OTHER FLAGS AS BEFORE>

        The flags must be the ones it ran with: --name, the addresses, --initial-cluster and --initial-cluster-token tell it that the
        journal is its own. When it serves, add the other members again, each on an empty directory and one after the other:

          paxosctl --endpoints <ADDRESS>:2379 member add http://<OTHER ADDRESS>:2380

        which prints the command that starts it. To undo this before the node has started, delete {Path.Combine(directory, "recover.json")}.
        """;

    internal static FileStream? Hold(string directory)
    {
        var path = Path.Combine(directory, "LOCK");
        if (!File.Exists(path)) return null;
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new CtlException($"{directory} is in use by a node that runs ({e.Message}): stop it first");
        }
    }
}
