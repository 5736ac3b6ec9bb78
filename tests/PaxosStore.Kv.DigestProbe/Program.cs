using System.Globalization;
using PaxosStore.Kv;
using PaxosStore.Kv.DigestProbe;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: PaxosStore.Kv.DigestProbe SEED BATCHES");
    return 2;
}

var state = new KvStateMachine();
var every = 0;
foreach (var batch in LogScript.Generate(ulong.Parse(args[0], CultureInfo.InvariantCulture), int.Parse(args[1], CultureInfo.InvariantCulture)))
{
    state.Apply(batch);
    if (++every % LogScript.DigestEvery == 0) Console.WriteLine(Convert.ToHexString(state.View.ComputeDigest()));
}

return 0;
