namespace PaxosStore.Cluster.Tests.Blackbox;

/// <summary>What this machine offers to make faults with. What is missing is left out, and said.</summary>
internal static class Tools
{
    private static readonly string[] FakeTimePlaces =
        ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"];

    /// <summary>strace, to spoil system calls.</summary>
    public static bool Strace { get; } = OnPath("strace");

    /// <summary>The library that shifts a process's wall clock, or null.</summary>
    public static string? FakeTime { get; } = FakeTimePlaces.FirstOrDefault(File.Exists);

    /// <summary>
    /// Network and mounts are this process's own (scripts/campaign.sh starts it so where it may): packet filters and small disks touch nobody else and go with it.
    /// </summary>
    public static bool OwnNamespaces { get; } = Environment.GetEnvironmentVariable("PAXOSSTORE_OWN_NAMESPACES") == "1";

    /// <summary>Packet filters may be set.</summary>
    public static bool PacketFilter { get; } = OwnNamespaces && OnPath("iptables");

    /// <summary>What cannot be done here, in words.</summary>
    public static IEnumerable<string> Missing()
    {
        if (!Strace)
            yield return "no strace: disks don't fail and nodes are not killed within a flush";
        if (FakeTime is null)
            yield return "no libfaketime: clocks are not shifted";
        if (!OwnNamespaces)
            yield return "no namespaces of our own: disks don't fill up";
        if (!PacketFilter)
            yield return "no packet filter of our own: packets are not lost (connections still stall, crawl and break)";
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(d => File.Exists(Path.Combine(d, program)));
}
