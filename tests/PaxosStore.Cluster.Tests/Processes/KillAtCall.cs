namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Starts nodes that end, as by kill -9, at their Nth call that writes a file or makes it durable.</summary>
internal sealed class KillAtCall : IDisposable
{
    private readonly string _library;

    private KillAtCall(string library) => _library = library;

    /// <summary>Compiles what is preloaded into the nodes; skips the test where there is no gcc.</summary>
    public static async Task<KillAtCall> PrepareAsync()
    {
        Programs.Require("gcc");
        var source = Path.Combine(AppContext.BaseDirectory, "Processes", "kill-at-call.c");
        var library = Path.Combine(Directory.CreateTempSubdirectory("kill-at-call-").FullName, "kill-at-call.so");
        var result = await Programs.RunAsync("gcc", ["-shared", "-fPIC", "-nostdlib", "-O1", "-Wall", "-Werror", "-o", library, source]);
        Assert.True(result.ExitCode == 0, result.ToString());
        return new KillAtCall(library);
    }

    /// <summary>The command to start a node through that ends at call number <paramref name="call"/>.</summary>
    public IReadOnlyList<string> Wrapper(int call) => ["env", $"LD_PRELOAD={_library}", $"PAXOSSTORE_KILL_AT={call}"];

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_library)!, recursive: true);
}
