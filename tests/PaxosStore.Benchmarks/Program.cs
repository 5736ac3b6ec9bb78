using PaxosStore.Benchmarks;

var options = Options.Parse(args);
if (options.Help)
{
    Console.WriteLine(Options.Usage);
    return 0;
}

var samples = new Dictionary<(LoadShape Load, string System), List<Sample>>();
ClusterSystem[] pair = [new EtcdSystem(), new CommandSystem(options.Up, options.Down)];
try
{
    for (var round = 0; round < options.Rounds; round++)
    {
        foreach (var system in round % 2 == 0 ? pair : pair.Reverse())
            await MeasureAsync(system, round);
    }
}
catch (InvalidOperationException e)
{
    await Console.Error.WriteLineAsync($"bench: {e.Message}");
    return 1;
}

Console.WriteLine($"{"load",-18}{"etcd/s",10}{"ours/s",10}{"ratio",8}{"p50 ratio",11}{"p99 ratio",11}{"rss ratio",11}{"errors",8}");
foreach (var load in options.Loads)
{
    double Ratio(Func<Sample, double> figure) => Median(load, pair[1], figure) / Median(load, pair[0], figure);
    double etcd = Median(load, pair[0], s => s.PerSecond), ours = Median(load, pair[1], s => s.PerSecond);
    Console.WriteLine(
        $"{load,-18}{etcd,10:F0}{ours,10:F0}{ours / etcd,8:F2}{Ratio(s => s.P50),11:F2}{Ratio(s => s.P99),11:F2}{Ratio(s => s.Megabytes),11:F2}"
        + $"{Median(load, pair[1], s => s.Errors),8:F0}");
}

return 0;

async Task MeasureAsync(ClusterSystem system, int round)
{
    ClusterSystem.RequirePorts();
    try
    {
        await system.UpAsync();
        foreach (var shape in options.Loads)
        {
            using var load = new Load(shape);
            var sample = await load.RunAsync(TimeSpan.FromSeconds(options.Seconds), system);
            if (!samples.TryGetValue((shape, system.Name), out var list))
                samples[(shape, system.Name)] = list = [];
            list.Add(sample);
            var line = $"round {round} {system.Name,-10} {shape,-18} {sample.PerSecond,9:F0}/s p50 {sample.P50,8:F2} ms p99 {sample.P99,8:F2} ms errors {sample.Errors}";
            await Console.Error.WriteLineAsync(line);
        }
    }
    finally
    {
        await system.DownAsync();
    }
}

double Median(LoadShape load, ClusterSystem system, Func<Sample, double> figure)
{
    var sorted = samples[(load, system.Name)].Select(figure).Order().ToArray();
    return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
}
