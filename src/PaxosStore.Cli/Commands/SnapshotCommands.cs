using System.Globalization;
using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cli.Snapshots;

namespace PaxosStore.Cli.Commands;

/// <summary>Backups: taken, looked at, and made into new clusters.</summary>
internal static class SnapshotCommands
{
    private const long DefaultRevisionBump = 1_000_000_000;
    private const long LargestRevisionBump = long.MaxValue / 4;

    internal static async Task<int> SaveAsync(Session session)
    {
        var file = Path.GetFullPath(session.Operand(0));
        if (Directory.Exists(file)) throw session.Usage($"FILE: {file} is a directory");
        if (!Directory.Exists(Path.GetDirectoryName(file))) throw new CtlException($"{Path.GetDirectoryName(file)} is not there: create it first");
        using var member = await Member.AnyAsync(session);
        var part = file + ".part";
        try
        {
            await ReceiveAsync(member, part, session);
            var snapshot = await SnapshotFile.VerifyAsync(part, session.Cancellation);
            Durable.Rename(part, file);
            await session.SayAsync($"{file}: revision {snapshot.Revision}, {snapshot.LiveKeys} keys, {Bytes(snapshot.FileBytes)}, from {member.Name}");
            return Ctl.Success;
        }
        finally
        {
            File.Delete(part);
        }
    }

    internal static async Task<int> StatusAsync(Session session)
    {
        var json = session.Json;
        var snapshot = await SnapshotFile.VerifyAsync(session.Operand(0), session.Cancellation);
        var table = new Table("revision", "compacted", "keys", "versions", "slot", "term", "log time", "size", "sha256");
        table.Add(
            snapshot.Revision, snapshot.CompactRevision, snapshot.LiveKeys, snapshot.Versions, snapshot.Slot, snapshot.Term,
            snapshot.LogTime.ToString("c", CultureInfo.InvariantCulture), snapshot.FileBytes, snapshot.Sha256);
        await session.Terminal.Output.WriteAsync(table.Render(json, single: true));
        return Ctl.Success;
    }

    internal static async Task<int> RestoreAsync(Session session)
    {
        var directory = Path.GetFullPath(session.Option("data-dir") ?? throw session.Usage("--data-dir is needed: the directory of the new node"));
        var bump = session.Number("revision-bump", DefaultRevisionBump, 0, LargestRevisionBump);
        var members = Members(session);
        var snapshot = await SnapshotFile.VerifyAsync(session.Operand(0), session.Cancellation);
        if (snapshot.Revision > long.MaxValue / 4) throw new CtlException($"the backup's revision {snapshot.Revision} leaves no room for a jump ahead");
        await RestoredDirectory.WriteAsync(directory, session.Operand(0), snapshot, bump, session.Cancellation);
        await session.SayAsync(
            $"{directory} holds the backup at revision {snapshot.Revision}; the node that starts on it goes on above revision {snapshot.Revision + bump}");
        await session.SayAsync("");
        await session.SayAsync(StartingText(session, directory, members, Token(snapshot)));
        return Ctl.Success;
    }

    private static async Task ReceiveAsync(Member member, string part, Session session)
    {
        using var call = member.Maintenance.Snapshot(new SnapshotRequest(), member.Patient);
        await using var target = Durable.Create(part);
        using var progress = new Progress(session.Terminal);
        long received = 0;
        while (await call.ResponseStream.MoveNext(session.Cancellation))
        {
            var reply = call.ResponseStream.Current;
            await target.WriteAsync(reply.Blob.Memory, session.Cancellation);
            received += reply.Blob.Length;
            progress.Report(received, (long)Math.Min(reply.RemainingBytes, long.MaxValue / 2));
        }

        Durable.Flush(target);
    }

    /// <summary>What to type next. A new token keeps what is left of the old cluster apart from the new one.</summary>
    private static string StartingText(Session session, string directory, List<(string Name, string Url)> members, string token)
    {
        var cluster = string.Join(',', members.Select(m => $"{m.Name}={m.Url}"));
        var starts = members.Select((m, i) =>
            $"""
              PaxosStore.Server --name {m.Name} --data-dir {(i == 0 ? Quoted(directory) : $"<DIRECTORY OF {m.Name}>")} --initial-cluster-token {token} \
                --initial-cluster {cluster} --listen-client-urls http://{new Uri(m.Url).Host}:2379
            """);
        var single = members.Count == 1
            ? "For more members, restore the same file into one empty directory per node, with --initial-cluster n1=URL,n2=URL,n3=URL."
            : "Each node needs a directory of its own made from the same file:\n\n" +
              $"  paxosctl snapshot restore {Quoted(session.Operand(0))} --data-dir <DIRECTORY>";
        return $"{single}\n\nThen start {(members.Count == 1 ? "the node" : "the nodes")}:\n\n{string.Join("\n\n", starts)}";
    }

    private static List<(string Name, string Url)> Members(Session session)
    {
        if (session.Option("initial-cluster") is not { } text) return [("n1", "http://127.0.0.1:2380")];
        var members = new List<(string, string)>();
        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !Uri.TryCreate(entry[(equals + 1)..], UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            {
                throw session.Usage($"--initial-cluster: '{entry}' is not usable; expected members as name=http://host:port,...");
            }

            members.Add((entry[..equals], $"{url.Scheme}://{url.Authority}"));
        }

        return members.Count > 0 ? members : throw session.Usage("--initial-cluster names no member");
    }

    // Equal on all nodes made from one file.
    private static string Token(SnapshotFile snapshot) => $"restored-{snapshot.Sha256[..12]}";

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"'{path}'" : path;

    private static string Bytes(long bytes) => bytes < 10_000 ? $"{bytes} bytes" : Progress.Shown(bytes);
}
