using System.Globalization;
using System.Net;
using System.Text;
using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>Draws a run as one HTML page that needs nothing else: clients' operations by lane, faults as bands, changes of leader as lines.</summary>
internal static class Timeline
{
    private const int PixelsPerSecond = 60;
    private const int LaneHeight = 14;
    private const int Left = 90;

    private static readonly (string Name, string Colour, Func<Operation, bool> Is)[] Colours =
    [
        ("read", "#7aa6d8", o => o.Outcome == Outcome.Ok && o.Reads),
        ("write", "#4a9c5d", o => o.Outcome == Outcome.Ok && !o.Reads),
        ("refused", "#c9a227", o => o.Outcome == Outcome.Fail),
        ("unknown", "#d0403a", o => o.Outcome == Outcome.Info),
    ];

    /// <summary>The page.</summary>
    public static string Draw(RunOutcome outcome, IReadOnlyList<Operation> operations, IReadOnlyCollection<FaultMark> marks, IReadOnlyList<LeaderChange> leaders)
    {
        if (operations.Count == 0)
            return "<!doctype html><title>empty</title><p>Nothing was recorded.</p>";
        var begin = operations.Min(o => o.Call);
        var end = Math.Max(operations.Max(o => o.Return == Operation.Never ? o.Call : o.Return), marks.Select(m => m.To).DefaultIfEmpty(0).Max());
        double X(long time) => Left + (time - begin) / 1e9 * PixelsPerSecond;
        var lanes = Lanes(operations);
        var bands = marks.OrderBy(m => m.From).ToArray();
        var top = 30 + bands.Length * LaneHeight;
        var height = top + (lanes.Count + 1) * LaneHeight + 20;
        var svg = new StringBuilder();
        svg.Append(Inv($"<svg xmlns='http://www.w3.org/2000/svg' width='{X(end) + 60:F0}' height='{height}' font-family='monospace' font-size='10'>"));
        for (var second = 0; begin + second * 1_000_000_000L < end; second++)
            svg.Append(Inv($"<text x='{X(begin + second * 1_000_000_000L):F0}' y='12' fill='#888'>{second} s</text>"));
        foreach (var (mark, i) in bands.Select((m, i) => (m, i)))
            DrawBand(svg, mark, X(mark.From), X(mark.To), 20 + i * LaneHeight, height);
        foreach (var (lane, i) in lanes.Select((l, i) => (l, i)))
            DrawLane(svg, lane.Key, lane.Value, top + (i + 1) * LaneHeight, X, end);
        foreach (var change in leaders)
            svg.Append(Inv($"<line x1='{X(change.Time):F1}' x2='{X(change.Time):F1}' y1='16' y2='{height}' stroke='#7030a0'/><text x='{X(change.Time) + 2:F1}' y='{height - 4}' fill='#7030a0'>{change.Node} leads</text>"));
        svg.Append("</svg>");
        return Page(outcome, svg.ToString());
    }

    /// <summary>A client that met an unknown outcome goes on under another number: lanes are filled with those that don't overlap.</summary>
    private static Dictionary<int, List<Operation>> Lanes(IReadOnlyList<Operation> operations)
    {
        var lanes = new Dictionary<int, List<Operation>>();
        var free = new List<long>();
        foreach (var client in operations.GroupBy(o => o.Client).OrderBy(g => g.Min(o => o.Call)))
        {
            var last = client.Max(o => o.Return == Operation.Never ? o.Call : o.Return);
            var lane = free.FindIndex(f => f <= client.Min(o => o.Call));
            if (lane < 0)
            {
                lane = free.Count;
                free.Add(0);
                lanes[lane] = [];
            }

            free[lane] = last;
            lanes[lane].AddRange(client);
        }

        return lanes;
    }

    private static void DrawBand(StringBuilder svg, FaultMark mark, double from, double to, int y, int height)
    {
        svg.Append(Inv($"<rect x='{from:F1}' y='{y}' width='{Math.Max(2, to - from):F1}' height='{height - y}' fill='#f08060' opacity='0.07'/>"));
        svg.Append(Inv($"<rect x='{from:F1}' y='{y}' width='{Math.Max(2, to - from):F1}' height='{LaneHeight - 3}' fill='#f08060'/>"));
        svg.Append(Inv($"<text x='{from + 2:F1}' y='{y + 9}'>{WebUtility.HtmlEncode($"{mark.What} {mark.Nodes}")}</text>"));
    }

    private static void DrawLane(StringBuilder svg, int lane, List<Operation> operations, int y, Func<long, double> x, long end)
    {
        svg.Append(Inv($"<text x='4' y='{y + 9}' fill='#888'>client {lane}</text>"));
        foreach (var (_, colour, matches) in Colours)
        {
            var path = new StringBuilder();
            foreach (var o in operations.Where(matches))
            {
                // What was never answered is drawn for the time its client waited at most.
                var until = o.Return == Operation.Never ? Math.Min(end, o.Call + 200_000_000) : o.Return;
                path.Append(Inv($"M{x(o.Call):F1} {y}h{Math.Max(0.6, x(until) - x(o.Call)):F1}v{LaneHeight - 4}H{x(o.Call):F1}z"));
            }

            if (path.Length > 0)
                svg.Append(Inv($"<path d='{path}' fill='{colour}'/>"));
        }
    }

    private static string Page(RunOutcome outcome, string svg)
    {
        var page = new StringBuilder();
        page.Append(Inv($"<!doctype html><meta charset='utf-8'><title>seed {outcome.Plan.Seed}</title><body style='font-family:sans-serif'>"));
        page.Append(Inv($"<h2>Seed {outcome.Plan.Seed}: {outcome.Verdict}, {outcome.Acknowledged} of {outcome.Operations} operations answered, {outcome.Rate:F0}/s before the faults</h2><ul>"));
        foreach (var finding in outcome.Findings.Take(20))
            page.Append(Inv($"<li style='color:#b00'>{WebUtility.HtmlEncode(finding)}</li>"));
        foreach (var fault in outcome.Plan.Faults)
            page.Append(Inv($"<li>{WebUtility.HtmlEncode(fault.ToString())}</li>"));
        page.Append("</ul><p>").AppendJoin(" · ", Colours.Select(c => $"<span style='color:{c.Colour}'>■</span> {c.Name}")).Append("</p><div style='overflow-x:auto'>");
        return page.Append(svg).Append("</div></body>").ToString();
    }

    private static string Inv(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
