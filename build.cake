// The build, by intent:  dotnet tool restore && dotnet cake --target=<task>
//
//   Build     compile everything, warnings are errors        Bench    compare with etcd on this machine
//   Test      run every test project, two at a time          Cluster  start three nodes on this machine
//   Simulate  search seeds in the simulator (--seeds=N)       Publish  server and paxosctl, ready to copy
//   Ci        all that must hold before a change goes in; ends with "N passed, N failed, N skipped"

using System.Collections.Concurrent;
using System.Threading.Tasks;
using System.Xml.Linq;

var target = Argument("target", "Build");
var configuration = Argument("configuration", "Release");
var seeds = Argument("seeds", 20000);
var artifacts = Directory("./artifacts");
var testResults = artifacts + Directory("test-results");
var tallyFile = artifacts + File("tally.txt");
var simulator = File("./tests/PaxosStore.Simulator/PaxosStore.Simulator.csproj");
var server = File("./src/PaxosStore.Server/PaxosStore.Server.csproj");
var control = File("./src/PaxosStore.Cli/PaxosStore.Cli.csproj");
var published = artifacts + Directory("publish");
FilePath serverUnderTest = null;
var tally = new Tally();

Task("Restore").Does(() => DotNetRestore("./PaxosStore.sln"));

Task("Build")
    .IsDependentOn("Restore")
    .Does(() => DotNetBuild("./PaxosStore.sln", new DotNetBuildSettings
    {
        Configuration = configuration,
        NoRestore = true,
        MSBuildSettings = new DotNetMSBuildSettings { TreatAllWarningsAs = MSBuildTreatAllWarningsAs.Error }.SetMaxCpuCount(2),
    }));

// Two projects at a time, for most of them wait more than they work; clusters of real processes then have the machine for themselves.
Task("RunTests")
    .IsDependentOn("Build")
    .Does(() =>
    {
        CleanDirectory(testResults);
        var projects = GetFiles("./tests/**/*.Tests.csproj").OrderByDescending(p => p.FullPath).ToLookup(p => p.FullPath.EndsWith("Cluster.Tests.csproj"));
        Parallel.ForEach(
            Partitioner.Create(projects[false], EnumerablePartitionerOptions.NoBuffering),
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            project =>
            {
                var counts = RunTests(project);
                lock (tally) tally.Add(counts);
            });
        foreach (var project in projects[true]) tally.Add(RunTests(project));
    });

Task("Test")
    .IsDependentOn("RunTests")
    .Does(() => tally.RequireGreen());

Task("RunSimulator")
    .IsDependentOn("Build")
    .WithCriteria(() => FileExists(simulator), "there is no simulator yet")
    .Does(() =>
    {
        tally.Add(Simulates($"--seeds {seeds}"));
        tally.Add(Simulates("--mutants"));
    });

Task("Simulate")
    .IsDependentOn("RunSimulator")
    .Does(() => tally.RequireGreen());

Task("Bench").IsDependentOn("Build").Does(() => Script("./scripts/bench.sh"));

Task("Cluster").IsDependentOn("Build").Does(() => Script("./scripts/cluster.sh", "up 3"));

// With a runtime named, the server is compiled ahead of time: it is ready in half the time.
Task("Publish")
    .Does(() =>
    {
        Publish(server);
        Publish(control);
        CopyFileToDirectory("./scripts/etcd", published);
    });

// Hundreds of processes start in the tests: those that operators run are tested, and fast.
Task("TestPublished")
    .IsDependentOn("Build")
    .Does(() =>
    {
        Publish(server);
        serverUnderTest = MakeAbsolute(published + File("PaxosStore.Server.dll"));
    });

Task("Ci")
    .IsDependentOn("TestPublished")
    .IsDependentOn("RunTests")
    .IsDependentOn("RunSimulator")
    .Does(() =>
    {
        System.IO.File.WriteAllText(tallyFile, tally.Report() + "\n");
        Information(tally.ToString());
        tally.RequireGreen();
    });

RunTarget(target);

Counts RunTests(FilePath project)
{
    var name = project.GetFilenameWithoutExtension().ToString();
    var report = (FilePath)(testResults + File(name + ".trx"));
    var exit = StartProcess("dotnet", new ProcessSettings
    {
        Arguments = $"test \"{project}\" -c {configuration} --no-build --nologo --logger \"trx;LogFileName={name}.trx\" "
            + $"--logger \"console;verbosity=minimal\" --results-directory \"{MakeAbsolute(testResults)}\" --blame-hang-timeout 15m --blame-hang-dump-type none",
        EnvironmentVariables = serverUnderTest is null ? [] : new Dictionary<string, string> { ["PAXOSSTORE_SERVER_DLL"] = serverUnderTest.FullPath },
    });
    if (!FileExists(report))
        return new Counts(0, 1, 0) { Failures = [$"{name} left no report: exit code {exit}"] };
    var run = XDocument.Load(report.FullPath);
    var counters = run.Descendants().Single(e => e.Name.LocalName == "Counters");
    int Count(string attribute) => (int)counters.Attribute(attribute);
    var counts = new Counts(Count("passed"), Count("failed") + Count("error") + Count("timeout") + Count("aborted"), Count("total") - Count("executed"))
    {
        Failures = run.Descendants().Where(e => e.Name.LocalName == "UnitTestResult" && (string)e.Attribute("outcome") == "Failed").Select(Describe).ToArray(),
    };
    return exit == 0 || counts.Failed > 0 ? counts : counts with { Failed = 1, Failures = [$"{name} ended with exit code {exit}"] };
}

// A failed test by its name and the beginning of what it said.
string Describe(XElement result)
{
    var message = result.Descendants().FirstOrDefault(e => e.Name.LocalName == "Message")?.Value ?? "";
    return $"{(string)result.Attribute("testName")}\n{(message.Length > 1500 ? message[..1500] + " ..." : message)}";
}

void Publish(FilePath project) => DotNetPublish(project.FullPath, new DotNetPublishSettings
{
    Configuration = configuration,
    Runtime = PortableRuntime(),
    SelfContained = false,
    OutputDirectory = published,
});

// A runtime that a distribution built names the distribution, for which there are no packages.
string PortableRuntime()
{
    var system = IsRunningOnLinux() ? "linux" : IsRunningOnMacOs() ? "osx" : "win";
    return $"{system}-{System.Runtime.InteropServices.RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}";
}

Counts Simulates(string arguments)
{
    var exit = StartProcess("dotnet", new ProcessSettings { Arguments = $"run -c {configuration} --no-build --project {simulator} -- {arguments}" });
    return exit == 0 ? new Counts(1, 0, 0) : new Counts(0, 1, 0) { Failures = [$"the simulator with {arguments} ended with exit code {exit}"] };
}

void Script(string path, string arguments = "")
{
    var exit = StartProcess("bash", new ProcessSettings { Arguments = $"{path} {arguments}" });
    if (exit != 0)
        throw new CakeException($"{path} {arguments} ended with {exit}");
}

record Counts(int Passed, int Failed, int Skipped)
{
    public string[] Failures { get; init; } = [];
}

class Tally
{
    private Counts sum = new(0, 0, 0);

    public void Add(Counts more) => sum = new(sum.Passed + more.Passed, sum.Failed + more.Failed, sum.Skipped + more.Skipped)
    {
        Failures = [.. sum.Failures, .. more.Failures],
    };

    /// <summary>What failed, each with what it said, and the tally as the last line: whoever sees only the end of the log sees why.</summary>
    public string Report() => string.Join("\n", [.. sum.Failures.Select(f => "failed: " + f), ToString()]);

    public void RequireGreen()
    {
        if (sum.Failed > 0 || sum.Passed == 0)
            throw new CakeException(ToString());
    }

    public override string ToString() => $"{sum.Passed} passed, {sum.Failed} failed, {sum.Skipped} skipped";
}
