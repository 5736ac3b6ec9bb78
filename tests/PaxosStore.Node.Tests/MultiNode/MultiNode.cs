using System.Text;
using Akka.Actor;
using Direction = Akka.Remote.Transport.ThrottleTransportAdapter.Direction;

namespace PaxosStore.Node.Tests.MultiNode;

/// <summary>One role's view of a running scenario: its script runs with one of these.</summary>
public sealed class MultiNode(TestConductor conductor, RoleName role)
{
    public RoleName Myself => role;

    public TestConductor Conductor => conductor;

    public ActorSystem System => conductor.System(role);

    public IKvStore Store => conductor.Node(role).Store;

    public bool IsNode(params RoleName[] roles) => roles.Contains(role);

    /// <summary>Runs on these roles only.</summary>
    public Task RunOn(Func<Task> action, params RoleName[] roles) => IsNode(roles) ? action() : Task.CompletedTask;

    public Task EnterBarrier(string name) => conductor.EnterBarrierAsync(name);

    public Task Blackhole(RoleName node, RoleName target, Direction direction) => conductor.BlackholeAsync(node, target, direction);

    public Task PassThrough(RoleName node, RoleName target, Direction direction) => conductor.PassThroughAsync(node, target, direction);

    public Task Throttle(RoleName node, RoleName target, Direction direction, double bytesPerSecond) =>
        conductor.ThrottleAsync(node, target, direction, bytesPerSecond);

    public Task Exit(RoleName node) => conductor.ExitAsync(node);

    public void StartNewSystem(RoleName node) => conductor.StartNewSystem(node);

    public Task Eventually(string what, Func<bool> holds) => conductor.EventuallyAsync(what, holds);

    /// <summary>Writes through this member, again and again until it is decided; safe to repeat, since it only sets a key.</summary>
    public async Task Put(string key, string value)
    {
        while (true)
        {
            try
            {
                await Store.ExecuteAsync(Commands.Put(key, value), conductor.End);
                return;
            }
            catch (KvException e) when (e.Code is KvErrorCode.Timeout or KvErrorCode.NoLeader or KvErrorCode.LeaderChanged)
            {
                await Task.Delay(20, conductor.End);
            }
        }
    }

    /// <summary>A linearizable read through this member, again and again until it is served.</summary>
    public async Task<string?> Get(string key)
    {
        while (true)
        {
            try
            {
                return await TryGet(key);
            }
            catch (KvException e) when (e.Code is KvErrorCode.Timeout or KvErrorCode.NoLeader or KvErrorCode.LeaderChanged)
            {
                await Task.Delay(20, conductor.End);
            }
        }
    }

    /// <summary>One linearizable read through this member.</summary>
    public async Task<string?> TryGet(string key)
    {
        var view = await Store.ReadAsync(ReadConsistency.Linearizable, conductor.End);
        return Commands.Text(view.Range(Commands.Range(key)));
    }

    /// <summary>What this member has applied, without asking anyone.</summary>
    public string? Local(string key) => Commands.Text(Store.View.Range(Commands.Range(key)));
}

/// <summary>Short words for commands.</summary>
public static class Commands
{
    public static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static WriteCommand Put(string key, string value, long lease = 0) => new(new PutOp(Bytes(key), Bytes(value)) { Lease = lease });

    public static RangeOp Range(string key) => new(KeyRange.SingleKey(Bytes(key)));

    public static KeyRange Prefix(string prefix) => new(Bytes(prefix), Bytes(prefix[..^1] + (char)(prefix[^1] + 1)));

    public static string? Text(RangeResult range) => range.Kvs.IsEmpty ? null : Text(range.Kvs[0].Value);

    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
