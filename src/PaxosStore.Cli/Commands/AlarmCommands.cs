using Etcdserverpb;

namespace PaxosStore.Cli.Commands;

/// <summary>What is wrong with the cluster as a whole.</summary>
internal static class AlarmCommands
{
    internal static async Task<int> ListAsync(Session session)
    {
        using var member = await Member.AnyAsync(session);
        var reply = await member.Maintenance.AlarmAsync(new AlarmRequest(), member.InTime);
        var table = new Table("member", "alarm");
        foreach (var alarm in reply.Alarms) table.Add(Id(alarm), Name(alarm));
        if (reply.Alarms.Count > 0 || session.Json) await session.Terminal.Output.WriteAsync(table.Render(session.Json));
        else await session.SayAsync("no alarm is up");
        return Ctl.Success;
    }

    internal static async Task<int> DisarmAsync(Session session)
    {
        using var member = await Member.AnyAsync(session);
        var reply = await member.Maintenance.AlarmAsync(new AlarmRequest(), member.InTime);
        foreach (var alarm in reply.Alarms)
        {
            var request = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = alarm.Alarm };
            await member.Maintenance.AlarmAsync(request, member.InTime);
            await session.SayAsync($"disarmed {Name(alarm)} of {Id(alarm)}");
        }

        if (reply.Alarms.Count == 0) await session.SayAsync("no alarm is up");
        return Ctl.Success;
    }

    private static string Id(AlarmMember alarm) => alarm.MemberID == 0 ? "all" : alarm.MemberID.ToString("x");

    private static string Name(AlarmMember alarm) => alarm.Alarm.ToString().ToUpperInvariant();
}
