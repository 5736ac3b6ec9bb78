using System.Diagnostics;
using PaxosStore.Simulator;

var total = new Counters();
var from = args.Length > 1 ? ulong.Parse(args[1]) : 0;
if (args is ["--seed", _, ..])
{
    Console.WriteLine(Plan.FromSeed(from));
    var o = Runner.Run(from, null, Console.WriteLine);
    Console.WriteLine($"{o.Hash:x} {o.Detail}");
    return;
}
var n = ulong.Parse(args[0]);
var clock = Stopwatch.StartNew();
var kinds = new Dictionary<string, (int, ulong)>();
for (var s = from; s < from + n; s++)
{
    var o = Runner.Run(s);
    total.Add(o.Counters);
    if (o.Failed) { kinds.TryAdd(o.Invariant!, (0, s)); kinds[o.Invariant!] = (kinds[o.Invariant!].Item1 + 1, kinds[o.Invariant!].Item2); if (kinds[o.Invariant!].Item1 <= 4) Console.WriteLine($"{s}: {o.Detail}"); }
}
Console.WriteLine(total);
Console.WriteLine($"{n / clock.Elapsed.TotalSeconds:F0} seeds/s");
foreach (var k in kinds) Console.WriteLine($"{k}");
