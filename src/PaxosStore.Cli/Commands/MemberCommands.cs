using System.Text.RegularExpressions;
using Etcdserverpb;

namespace PaxosStore.Cli.Commands;

/// <summary>Members come, change and go.</summary>
internal static partial class MemberCommands
{
    internal static async Task<int> ListAsync(Session session)
    {
        using var member = await Member.AnyAsync(session);
        var reply = await member.Cluster.MemberListAsync(new MemberListRequest { Linearizable = true }, member.InTime);
        var table = new Table("id", "name", "peer urls", "client urls", "votes", "started");
        foreach (var m in reply.Members)
        {
            table.Add(m.ID.ToString("x"), m.Name, string.Join(',', m.PeerURLs), string.Join(',', m.ClientURLs), !m.IsLearner, m.Name.Length > 0);
        }

        await session.Terminal.Output.WriteAsync(table.Render(session.Json));
        return Ctl.Success;
    }

    internal static async Task<int> AddAsync(Session session)
    {
        var url = PeerUrl(session, 0);
        var learner = session.Has("learner");
        using var member = await Member.AnyAsync(session);
        var reply = await member.Cluster.MemberAddAsync(new MemberAddRequest { PeerURLs = { url }, IsLearner = learner }, member.InTime);
        var others = reply.Members.Where(m => m.ID != reply.Member.ID).Select(m => $"{(m.Name.Length > 0 ? m.Name : "<NAME>")}={m.PeerURLs[0]}");
        await session.SayAsync(
            $"""
            added member {reply.Member.ID:x} at {url}; it has no vote yet

            Start it on an empty data directory, with a name of its own for <NAME>, and the --initial-cluster-token of the others if they have one:

              PaxosStore.Server --name <NAME> --data-dir <DIR> --initial-cluster-state existing \
                --initial-advertise-peer-urls {url} --listen-client-urls http://<ADDRESS>:2379 \
                --initial-cluster {string.Join(',', others)},<NAME>={url}

            {(learner
                ? $"It stays without a vote until: paxosctl member promote {reply.Member.ID:x}"
                : "It gets its vote by itself once it has caught up; 'paxosctl member list' shows when.")}
            """);
        return Ctl.Success;
    }

    internal static async Task<int> PromoteAsync(Session session)
    {
        var id = session.MemberId(0);
        using var member = await Member.AnyAsync(session);
        await member.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = id }, member.InTime);
        await session.SayAsync($"member {id:x} has a vote");
        return Ctl.Success;
    }

    internal static async Task<int> UpdateAsync(Session session)
    {
        var (id, url) = (session.MemberId(0), PeerUrl(session, 1));
        using var member = await Member.AnyAsync(session);
        await member.Cluster.MemberUpdateAsync(new MemberUpdateRequest { ID = id, PeerURLs = { url } }, member.InTime);
        await session.SayAsync($"member {id:x} is reached at {url}");
        return Ctl.Success;
    }

    internal static async Task<int> RemoveAsync(Session session)
    {
        var id = session.MemberId(0);
        using var member = await Member.AnyAsync(session);
        await member.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = id }, member.InTime);
        await session.SayAsync($"removed member {id:x}; its data directory is of no further use");
        return Ctl.Success;
    }

    private static string PeerUrl(Session session, int index)
    {
        var text = session.Operand(index).TrimEnd('/');
        return PeerUrlPattern().IsMatch(text)
            ? text
            : throw session.Usage($"PEER-URL: '{session.Operand(index)}' is not usable; expected an address such as http://10.0.0.4:2380 or https://10.0.0.4:2380");
    }

    [GeneratedRegex(@"^https?://([^/\s@:?#\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$", RegexOptions.IgnoreCase)]
    private static partial Regex PeerUrlPattern();
}
