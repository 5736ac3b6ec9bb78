namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Places in the working tree.</summary>
internal static class Repository
{
    /// <summary>The directory that holds <c>global.json</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Where results of test runs (recovery times) are left for people.</summary>
    public static string Results { get; } = Directory.CreateDirectory(Path.Combine(Root, "artifacts", "cluster-tests")).FullName;

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "global.json")))
                return directory.FullName;
        }

        throw new InvalidOperationException($"no global.json above {AppContext.BaseDirectory}");
    }
}
