using PaxosStore.Cli.Snapshots;

namespace PaxosStore.Cli.Commands;

/// <summary>The way back in when nobody knows root's password any more.</summary>
internal static class AuthOffCommand
{
    internal static async Task<int> RunAsync(Session session)
    {
        var directory = Path.GetFullPath(session.Option("data-dir") ?? throw session.Usage("--data-dir is needed: the directory of a member that is stopped"));
        if (!Directory.Exists(directory)) throw new CtlException($"{directory} is not there: name the data directory of a member");

        // Held to the end, so that no node starts in between.
        using var held = RecoverCommand.Hold(directory);
        var marker = Path.Combine(directory, "auth-off.json");
        Durable.WriteFile(marker, """{"version":1}""");
        await session.SayAsync(
            $"""
            {directory} is marked. When its node starts again and a majority of the members runs, users and roles are switched off on all of them:
            everybody who reaches the client ports may do everything then. Set a new password and switch them on again at once:

              etcdctl user passwd root
              etcdctl auth enable

            To undo this before the node has started, delete {marker}.
            """);
        return Ctl.Success;
    }
}
