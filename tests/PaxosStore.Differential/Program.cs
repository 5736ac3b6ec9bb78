using PaxosStore.Differential;
using PaxosStore.Testing;

try
{
    var options = Options.Parse(args);
    if (options.Help)
    {
        Console.WriteLine(Options.Usage);
        return 0;
    }

    if (RealEtcd.Missing() is { } missing)
    {
        await Console.Error.WriteLineAsync($"differential: {missing} scripts/install-test-tools.sh installs one.");
        return 2;
    }

    return await new Campaign(options).RunAsync() ? 0 : 1;
}
catch (FormatException e)
{
    await Console.Error.WriteLineAsync($"differential: {e.Message}; try --help");
    return 2;
}
