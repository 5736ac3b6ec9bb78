using System.Diagnostics;
using PaxosStore.Kv.DigestProbe;

namespace PaxosStore.Kv.Tests;

public class DeterminismTests
{
    private const int Batches = 1500;

    /// <summary>The same log in this process and in two others, whose string hashes are seeded differently: equal digests all the way.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task The_same_log_gives_the_same_digests_in_every_process(int seed)
    {
        var here = new List<string>();
        var state = new KvStateMachine();
        foreach (var batch in LogScript.Generate((ulong)seed, Batches))
        {
            state.Apply(batch);
            if (batch.Slot % LogScript.DigestEvery == 0) here.Add(Convert.ToHexString(state.View.ComputeDigest()));
        }

        Assert.True(state.View.Revision > 1000 && state.View.CompactRevision > 0, "the log does not do enough");
        Assert.Equal(Batches / LogScript.DigestEvery, here.Distinct().Count());
        var others = await Task.WhenAll(RunProbe(seed), RunProbe(seed));
        Assert.All(others, other => Assert.Equal(here, other));
    }

    [Fact]
    public void Another_log_gives_another_digest()
    {
        var digests = new HashSet<string>();
        for (var seed = 1UL; seed <= 20; seed++)
        {
            var state = new KvStateMachine();
            foreach (var batch in LogScript.Generate(seed, 20)) state.Apply(batch);
            Assert.True(digests.Add(Convert.ToHexString(state.View.ComputeDigest())));
        }
    }

    /// <summary>Each part of the state is in the digest: a batch that changes only that part changes it beyond what an empty batch does.</summary>
    [Fact]
    public void Every_part_of_the_state_is_in_the_digest()
    {
        KvCommand[] commands =
        [
            new WriteCommand(new PutOp(Bytes.Of("k"), Bytes.Of("w"))), new LeaseGrantCommand(8, 10), new LeaseKeepAliveCommand([1]),
            new LeaseRevokeCommand(1), new CompactCommand(2), new PublishMemberCommand(1, "n", ["u"]), new LeaseGrantCommand(8, 11),
            new PublishMemberCommand(1, "n", ["u"], 7), new PublishMemberCommand(1, "n", ["u"], 8), new AlarmCommand(true, 1, AlarmKind.NoSpace),
            new AlarmCommand(true, 2, AlarmKind.NoSpace), new AlarmCommand(true, 1, AlarmKind.Corrupt),
            new UserAddCommand("u", "h"), new UserAddCommand("u", "i"), new UserAddCommand("u", null), new RoleAddCommand("u"),
        ];
        var digests = new HashSet<string>();
        foreach (var command in commands)
        {
            var machine = new Machine();
            machine.Run(new LeaseGrantCommand(1, 50));
            machine.Put("k", "v");
            machine.Tick(1);
            machine.Run(command);

            // Until its result, which may say as much, is forgotten.
            for (var i = 0; i < 12; i++) machine.Run(new LeaseKeepAliveCommand([]));
            Assert.True(digests.Add(Convert.ToHexString(machine.View.ComputeDigest())), command.ToString());
        }
    }

    private static async Task<List<string>> RunProbe(int seed)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "PaxosStore.Kv.DigestProbe.dll"));
        start.ArgumentList.Add(seed.ToString());
        start.ArgumentList.Add(Batches.ToString());
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
    }
}
