using PaxosStore.Campaign;

try
{
    return await CommandLine.RunAsync(args);
}
catch (Exception e) when (e is FormatException or FileNotFoundException or DirectoryNotFoundException)
{
    await Console.Error.WriteLineAsync($"campaign: {e.Message}; try --help");
    return 2;
}
