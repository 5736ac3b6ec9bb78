namespace PaxosStore.Cli.Commands;

/// <summary>Everything <c>paxosctl</c> can do: parsing and help are made from it.</summary>
internal static class CommandTable
{
    /// <summary>All options, in the order of the help.</summary>
    internal static IReadOnlyList<CtlOption> Options { get; } =
    [
        new("endpoints", "ADDRESSES", "Members to ask, tried in turn (default 127.0.0.1:2379; also PAXOSCTL_ENDPOINTS)."),
        new("cacert", "FILE", "Authorities of the members' certificates, for https:// (also PAXOSCTL_CACERT)."),
        new("cert", "FILE", "Certificate to show to the members (also PAXOSCTL_CERT)."),
        new("key", "FILE", "Its private key (also PAXOSCTL_KEY)."),
        new("timeout", "SECONDS", "How long to wait for an answer (default 10)."),
        new("user", "NAME[:PASSWORD]", "Who asks, once users are checked; without a password it is asked for (also PAXOSCTL_USER)."),
        new("write-out", "FORMAT", "table (default) or json.", "w"),
        new("data-dir", "DIR", "Data directory of a node that does not run."),
        new("revision-bump", "N", "How far the restored store's revision jumps ahead of the backup's (default 1000000000)."),
        new("initial-cluster", "MEMBERS", "Members of the new cluster as name=http://host:port,..., for the commands that are printed."),
        new("i-accept-data-loss", null, "Go on without being asked."),
        new("learner", null, "Leave the new member without a vote until 'member promote'."),
        new("rev", "REVISION", "Revision to compare at (default: the lowest newest one)."),
    ];

    /// <summary>All commands, in the order of the help.</summary>
    internal static IReadOnlyList<Command> All { get; } =
    [
        new("status", [], "Show every endpoint: who leads, how far each is, what is wrong.", StatusCommands.StatusAsync)
        {
            Options = ["write-out"],
            Details =
                "Ends with 1 when an endpoint does not answer or reports an error. 'applied' is the log entry a member has executed: one that stays " +
                "behind is slow or cut off.",
        },
        new("member list", [], "Show the members of the cluster.", MemberCommands.ListAsync) { Options = ["write-out"] },
        new("member add", ["PEER-URL"], "Add a member that is reached by its peers at PEER-URL, and print how to start it.", MemberCommands.AddAsync)
        {
            Options = ["learner"],
            Details =
                "Add first, start then. The new member has no vote until it has caught up; it then gets it by itself, unless --learner says to wait " +
                "for 'member promote'. To replace a member, remove the old one first when it is dead, add the new one first when the old one still runs.",
        },
        new("member promote", ["ID"], "Give a member without a vote its vote.", MemberCommands.PromoteAsync),
        new("member update", ["ID", "PEER-URL"], "Change where a member is reached by its peers.", MemberCommands.UpdateAsync),
        new("member remove", ["ID"], "Remove a member; it stops by itself when it learns of it.", MemberCommands.RemoveAsync)
        {
            Details = "Refused when too few started members with a vote would be left. The removed node's data directory is of no further use.",
        },
        new("move-leader", ["ID"], "Make another member lead.", StatusCommands.MoveLeaderAsync),
        new("snapshot save", ["FILE"], "Write a backup of the cluster's state to FILE.", SnapshotCommands.SaveAsync)
        {
            Details =
                "Taken from the first endpoint that serves, without stopping it. FILE appears only when it is whole, checked and on the disk; until " +
                "then it is FILE.part. An existing FILE is replaced.",
        },
        new("snapshot status", ["FILE"], "Check a backup and show what is in it.", SnapshotCommands.StatusAsync) { Options = ["write-out"], Online = false },
        new("snapshot restore", ["FILE"], "Make a data directory for a node of a new cluster from a backup.", SnapshotCommands.RestoreAsync)
        {
            Options = ["data-dir", "revision-bump", "initial-cluster"],
            Online = false,
            Details =
                "Run it once for every node of the new cluster, with the same FILE and an empty directory each. The revision jumps ahead of all the old " +
                "cluster can have given, and older ones count as compacted, so no client sees time go back. The nodes load the backup when they first start.",
        },
        new("recover", [], "After a majority is lost for good: let one surviving node form a new cluster of one.", RecoverCommand.RunAsync)
        {
            Options = ["data-dir", "i-accept-data-loss"],
            Online = false,
            Details =
                "The last resort: writes that only lost members had are gone. Stop all members first, take the directory of the one that has applied " +
                "most, and never start the others on their old directories again. If a majority can be brought back, do that instead.",
        },
        new("auth-off", [], "After root's password is lost: let a node switch users and roles off when it starts next.", AuthOffCommand.RunAsync)
        {
            Options = ["data-dir"],
            Online = false,
            Details =
                "Stop one member, run this on its data directory, and start it again: once the cluster serves, users and roles stay as they are but are not " +
                "checked any more, on all members. Set a password then and switch them on again.",
        },
        new("alarm list", [], "Show the alarms that are up.", AlarmCommands.ListAsync) { Options = ["write-out"] },
        new("alarm disarm", [], "End all alarms, after their cause is gone.", AlarmCommands.DisarmAsync),
        new("compact", ["REVISION"], "Forget the history of keys below REVISION.", StorageCommands.CompactAsync),
        new("defrag", [], "Make every endpoint give free space back to its file system; reads and writes go on.", StorageCommands.DefragAsync),
        new("hashkv", [], "Compare the keys of all endpoints.", StorageCommands.HashKvAsync)
        {
            Options = ["rev", "write-out"],
            Details = "Ends with 1 when two endpoints differ at the same revision, or one does not answer.",
        },
    ];

    /// <summary>The command these words begin with; null when there is none.</summary>
    internal static Command? Find(IReadOnlyList<string> words) =>
        All.FirstOrDefault(command => command.Words.Split(' ') is var own && own.SequenceEqual(words.Take(own.Length)));

    /// <summary>The option of that name or letter, or null.</summary>
    internal static CtlOption? Option(string name) => Options.FirstOrDefault(option => option.Name == name || option.Short == name);
}
