using PaxosStore.Consensus;
using PaxosStore.Node.Facade;

namespace PaxosStore.Node.Tests.Facade;

/// <summary>A tracker with a leader made of test code and a real state machine behind it.</summary>
internal sealed class TrackerBench
{
    public static readonly NodeId Leader = new(1);
    public static readonly NodeId Other = new(2);
    public static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(7);
    public static readonly TimeSpan ElectionTimeout = TimeSpan.FromMilliseconds(600);

    private readonly KvStateMachine _state = new();
    private ulong _clients;
    private TimeSpan _logTime;

    public TrackerBench() => Tracker = new RequestTracker(_state.View, RequestTimeout, ElectionTimeout, () => ++_clients);

    public RequestTracker Tracker { get; }

    public TimeSpan Now { get; set; }

    public KvView View => _state.View;

    /// <summary>Messages to the leader since the last call.</summary>
    public List<Message> Sent()
    {
        Tracker.Flush(Now);
        var sent = Tracker.Outbox.Select(o => o.Message).ToList();
        Tracker.Outbox.Clear();
        return sent;
    }

    public Propose OneProposal() => Assert.IsType<Propose>(Assert.Single(Sent()));

    public PendingWrite Write(string key, string value = "v")
    {
        var write = new PendingWrite(MultiNode.Commands.Put(key, value));
        Tracker.Write(write, Now);
        return write;
    }

    public PendingRead Read()
    {
        var read = new PendingRead();
        Tracker.Read(read, Now);
        return read;
    }

    /// <summary>The messages are chosen in one slot and applied on this node.</summary>
    public void Choose(params Propose[] proposals)
    {
        var commands = proposals.SelectMany(p => p.Commands).ToArray();
        var applied = _state.Apply(new LogBatch(_state.View.AppliedSlot + 1, 1, _logTime, 0, commands));
        Tracker.Applied(_state.View, applied, Now);
    }

    /// <summary>A leader is there and the session is open.</summary>
    public TrackerBench Opened()
    {
        Tracker.LeaderChanged(Leader, Now);
        var first = Write("first");
        Choose(OneProposal());
        Choose(OneProposal());
        Assert.True(first.Completion.Task.IsCompletedSuccessfully);
        return this;
    }

    public void LogTimePasses(TimeSpan time)
    {
        _logTime += time;
        Choose();
    }

    public void Tick(TimeSpan after)
    {
        Now += after;
        Tracker.Tick(Now);
    }

    public static KvException Error(Task task) => Assert.IsType<KvException>(task.Exception!.InnerException);
}
