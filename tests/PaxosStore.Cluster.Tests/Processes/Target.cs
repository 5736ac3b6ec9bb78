namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>
/// What the black-box tests run: the server of this repository or, as a check of the harness itself (environment
/// <c>PAXOSSTORE_TEST_TARGET=etcd</c>), a real etcd, which speaks the same protocol.
/// </summary>
internal sealed record Target(string Name, string Executable, IReadOnlyList<string> FirstArguments)
{
    /// <summary>The server of this repository.</summary>
    public static Target PaxosStore { get; } = new("paxosstore", "dotnet", [ServerAssembly()]);

    /// <summary>A real etcd of the 3.4 line.</summary>
    public static Target Etcd { get; } = new("etcd", "etcd", []);

    /// <summary>The one under test.</summary>
    public static Target UnderTest { get; } = Environment.GetEnvironmentVariable("PAXOSSTORE_TEST_TARGET") == "etcd" ? Etcd : PaxosStore;

    /// <summary>Whether the tests judge etcd instead of this repository's server.</summary>
    public bool IsEtcd => this == Etcd;

    /// <summary>Skips the test when the program is missing; fails it instead where everything must run.</summary>
    public void RequirePresent()
    {
        if (IsEtcd)
            Programs.Require("etcd");
        else
            Skip.IfNot(Programs.Found(File.Exists(FirstArguments[0]), FirstArguments[0]), $"{FirstArguments[0]} is not built");
    }

    /// <summary>The build of paxosctl that matches the tests' own configuration, unless PAXOSSTORE_CTL_DLL names another.</summary>
    public static string ControlAssembly() => Assembly("PAXOSSTORE_CTL_DLL", "PaxosStore.Cli", "paxosctl.dll");

    /// <summary>The build of the server that matches the tests' own configuration, unless PAXOSSTORE_SERVER_DLL names another.</summary>
    private static string ServerAssembly() => Assembly("PAXOSSTORE_SERVER_DLL", "PaxosStore.Server", "PaxosStore.Server.dll");

    private static string Assembly(string variable, string project, string file)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        return Environment.GetEnvironmentVariable(variable) ?? Path.Combine(Repository.Root, "src", project, "bin", configuration, "net10.0", file);
    }
}
