using Etcdserverpb;
using Grpc.Core;

namespace PaxosStore.Cli.Commands;

/// <summary>What members hold, and how much of it.</summary>
internal static class StorageCommands
{
    internal static async Task<int> CompactAsync(Session session)
    {
        var revision = session.Number(0, 0);
        using var member = await Member.AnyAsync(session);
        await member.Kv.CompactAsync(new CompactionRequest { Revision = revision, Physical = true }, member.InTime);
        await session.SayAsync($"compacted revision {revision}");
        return Ctl.Success;
    }

    internal static async Task<int> DefragAsync(Session session)
    {
        var code = Ctl.Success;
        foreach (var url in session.Endpoints)
        {
            // One after the other: that one member is busy with its disk is enough.
            using var member = new Member(url, session);
            try
            {
                await member.Maintenance.DefragmentAsync(new DefragmentRequest(), member.Patient);
                await session.SayAsync($"{member.Name}: done");
            }
            catch (RpcException e) when (!session.Cancellation.IsCancellationRequested)
            {
                await session.WarnAsync($"error: {member.Name}: {Hints.Explain(e)}");
                code = Ctl.Failure;
            }
        }

        return code;
    }

    internal static async Task<int> HashKvAsync(Session session)
    {
        var members = session.Endpoints.Select(url => new Member(url, session)).ToArray();
        try
        {
            var revision = session.Option("rev") is null ? await LowestRevisionAsync(members) : session.Number("rev", 0, 1, long.MaxValue);
            var table = new Table("endpoint", "revision", "compacted", "hash", "error");
            var hashes = new HashSet<(long Compacted, uint Hash)>();
            var failed = false;
            foreach (var member in members)
            {
                try
                {
                    var reply = await member.Maintenance.HashKVAsync(new HashKVRequest { Revision = revision }, member.InTime);
                    table.Add(member.Name, revision, reply.CompactRevision, (long)reply.Hash, "");
                    hashes.Add((reply.CompactRevision, reply.Hash));
                }
                catch (RpcException e) when (!session.Cancellation.IsCancellationRequested)
                {
                    table.Add(member.Name, revision, "", "", Hints.Explain(e));
                    failed = true;
                }
            }

            await session.Terminal.Output.WriteAsync(table.Render(session.Json));
            return await VerdictAsync(session, hashes, failed);
        }
        finally
        {
            foreach (var member in members) member.Dispose();
        }
    }

    private static async Task<int> VerdictAsync(Session session, HashSet<(long Compacted, uint Hash)> hashes, bool failed)
    {
        // Hashes over different stretches of history can't be compared.
        if (hashes.GroupBy(h => h.Compacted).Any(same => same.Count() > 1))
        {
            await session.WarnAsync("error: members differ at the same revision: stop writing, keep all data directories, and see docs/operations.md");
            return Ctl.Failure;
        }

        if (hashes.Count > 1)
        {
            await session.WarnAsync("error: a compaction came between the answers, so they can't be compared: try again");
            return Ctl.Failure;
        }

        return failed ? Ctl.Failure : Ctl.Success;
    }

    /// <summary>The newest revision that every member that answers has.</summary>
    private static async Task<long> LowestRevisionAsync(Member[] members)
    {
        long? lowest = null;
        var failures = new List<string>();
        foreach (var member in members)
        {
            try
            {
                var revision = (await member.Maintenance.StatusAsync(new StatusRequest(), member.InTime)).Header.Revision;
                lowest = Math.Min(lowest ?? revision, revision);
            }
            catch (RpcException e) when (e.StatusCode != StatusCode.Cancelled && Hints.IsUnreachable(e))
            {
                failures.Add($"{member.Name}: {Hints.Unreachable(e)}");
            }
        }

        return lowest ?? throw Member.Nobody(failures);
    }
}
