using Etcdserverpb;
using Grpc.Core;

namespace PaxosStore.Cli.Commands;

/// <summary>How the members are, and who leads.</summary>
internal static class StatusCommands
{
    internal static async Task<int> StatusAsync(Session session)
    {
        var table = new Table("endpoint", "id", "version", "role", "leader", "term", "revision", "chosen", "applied", "size", "in use", "quota", "errors");
        var replies = await Task.WhenAll(session.Endpoints.Select(url => AskAsync(url, session)));
        var sound = true;
        foreach (var (url, status, failure) in replies)
        {
            if (status is null)
            {
                sound = false;
                table.Add(url.Authority, "", "", "unreachable", "", "", "", "", "", "", "", "", failure);
                continue;
            }

            sound &= status.Errors.Count == 0;
            var id = status.Header.MemberId;
            table.Add(
                url.Authority, id.ToString("x"), status.Version, status.IsLearner ? "observer" : status.Leader == id ? "leader" : "voter",
                status.Leader == 0 ? "" : status.Leader.ToString("x"), status.RaftTerm, status.Header.Revision, status.RaftIndex, status.RaftAppliedIndex,
                status.DbSize, status.DbSizeInUse, status.DbSizeQuota, string.Join("; ", status.Errors.Select(e => e.Trim())));
        }

        await session.Terminal.Output.WriteAsync(table.Render(session.Json));
        return sound ? Ctl.Success : Ctl.Failure;
    }

    internal static async Task<int> MoveLeaderAsync(Session session)
    {
        var target = session.MemberId(0);
        using var any = await Member.AnyAsync(session);
        var status = await any.Maintenance.StatusAsync(new StatusRequest(), any.InTime);
        if (status.Leader == 0) throw new CtlException($"{any.Name} knows no leader: a majority of the members must run and reach each other");
        if (status.Leader == target)
        {
            await session.SayAsync($"{target:x} leads already");
            return Ctl.Success;
        }

        using var leader = await LeaderAsync(any, status, session);
        await (leader ?? any).Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = target }, any.InTime);
        await session.SayAsync($"leadership moved from {status.Leader:x} to {target:x}");
        return Ctl.Success;
    }

    /// <summary>The leader where it says clients find it; null when it is the member that was asked.</summary>
    private static async Task<Member?> LeaderAsync(Member any, StatusResponse status, Session session)
    {
        if (status.Leader == status.Header.MemberId) return null;
        var list = await any.Cluster.MemberListAsync(new MemberListRequest(), any.InTime);
        var url = list.Members.FirstOrDefault(m => m.ID == status.Leader)?.ClientURLs.FirstOrDefault();
        return url is null
            ? throw new CtlException($"the leader {status.Leader:x} has not told where clients reach it: name its address with --endpoints")
            : new Member(new Uri(url), session);
    }

    private static async Task<(Uri Url, StatusResponse? Status, string Failure)> AskAsync(Uri url, Session session)
    {
        using var member = new Member(url, session);
        try
        {
            return (url, await member.Maintenance.StatusAsync(new StatusRequest(), member.InTime), "");
        }
        catch (RpcException e) when (!session.Cancellation.IsCancellationRequested && Hints.IsUnreachable(e))
        {
            return (url, null, Hints.Unreachable(e));
        }
    }
}
