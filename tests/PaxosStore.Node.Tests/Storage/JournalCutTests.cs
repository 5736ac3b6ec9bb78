using Akka.Actor;
using Akka.Persistence;
using LinqToDB.Data;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>A journal with the node's own configuration can lose its prefix, and only that.</summary>
public sealed class JournalCutTests : IAsyncLifetime
{
    private readonly string _path = Directory.CreateTempSubdirectory("paxosstore-cut-").FullName;
    private StorageSystem _storage = null!;

    public Task InitializeAsync()
    {
        _storage = new StorageSystem(_path);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _storage.StopAsync();
        Directory.Delete(_path, recursive: true);
    }

    [Fact]
    public async Task After_a_cut_the_suffix_is_recovered_and_sequence_numbers_go_on()
    {
        await WriteAsync(5_000);
        Assert.Equal(49, await CutAsync(4_900));
        Assert.Equal((101, 1, 4_900), Rows());
        await _storage.RestartAsync();

        var recovered = await StateAsync();
        Assert.Equal(100, recovered.Slots.Count);
        Assert.Equal((4_901, 5_000, 5_000), (recovered.Slots[0], recovered.Slots[^1], recovered.Last));

        await WriteAsync(1);
        Assert.Equal(5_001, (await StateAsync()).Last);

        // What the run before has deleted is not deleted again.
        Assert.Equal(1, await CutAsync(4_950));
        Assert.Equal((52, 1, 4_950), Rows());
    }

    [Fact]
    public async Task Sequence_numbers_go_on_even_when_all_events_are_gone()
    {
        await WriteAsync(200);
        await CutAsync(200);
        Assert.Equal((1, 1, 200), Rows());
        await _storage.RestartAsync();
        Assert.Empty((await StateAsync()).Slots);
        await WriteAsync(1);
        await _storage.RestartAsync();
        Assert.Equal(201, Assert.Single((await StateAsync()).Slots));
    }

    [Fact]
    public async Task What_was_cut_gives_its_room_back()
    {
        await WriteAsync(5_000);
        var before = _storage.Directory.Storage.Bytes;
        await CutAsync(4_900);
        int left;
        do left = _storage.Directory.Storage.Vacuum(64);
        while (left > 0);
        await _storage.RestartAsync();
        Assert.InRange(_storage.Directory.Storage.Bytes, 1, before / 4);
        Assert.Equal(100, (await StateAsync()).Slots.Count);
    }

    [Fact]
    public void Slices_follow_one_another_and_a_failed_one_is_tried_again()
    {
        var asked = new List<long>();
        var cut = new JournalCut(asked.Add);
        cut.Begins(31);
        cut.UpTo(20);
        Assert.Empty(asked);
        cut.UpTo(150);
        cut.UpTo(260);
        Assert.Equal([130], asked);
        cut.Failed();
        Assert.Equal([130], asked);
        cut.UpTo(260);
        cut.Deleted(130);
        cut.Deleted(230);
        cut.Deleted(260);
        Assert.Equal([130, 130, 230, 260], asked);
    }

    private IActorRef Actor() => _storage.System.ActorOf(Props.Create(() => new CutActor()));

    private async Task WriteAsync(int events) => await AskAsync(new Write(events));

    private async Task<int> CutAsync(long upTo) => (int)await AskAsync(upTo);

    private async Task<State> StateAsync() => (State)await AskAsync("state");

    private async Task<object> AskAsync(object message)
    {
        var actor = Actor();
        var answer = await actor.Ask<object>(message, TimeSpan.FromSeconds(30));
        await actor.GracefulStop(TimeSpan.FromSeconds(10));
        return answer;
    }

    private (int Rows, int Deleted, int First) Rows()
    {
        using var journal = new DataConnection(_storage.Directory.Storage.Journal);
        return (journal.Execute<int>("SELECT count(*) FROM journal"), journal.Execute<int>("SELECT count(*) FROM journal WHERE deleted"),
            journal.Execute<int>("SELECT min(sequence_number) FROM journal"));
    }

    private sealed record Write(int Events);

    private sealed record State(List<long> Slots, long Last);

    /// <summary>Keeps events, each with its own sequence number in it, and cuts them.</summary>
    private sealed class CutActor : UntypedPersistentActor
    {
        private readonly List<long> _slots = [];
        private readonly JournalCut _cut;
        private IActorRef _asked = ActorRefs.Nobody;
        private long _target;
        private int _slices;

        public CutActor() => _cut = new JournalCut(DeleteMessages);

        public override string PersistenceId => "cut";

        protected override void OnRecover(object message)
        {
            if (message is not JournalBatch batch) return;
            if (_slots.Count == 0) _cut.Begins(LastSequenceNr);
            _slots.Add(((ChosenRecord)batch.Records[0]).Chosen.Number);
        }

        protected override void OnCommand(object message)
        {
            switch (message)
            {
                case Write w:
                    var (sender, left) = (Sender, w.Events);
                    PersistAllAsync(Enumerable.Range(1, w.Events).Select(n => new JournalBatch([new ChosenRecord(new Slot(LastSequenceNr + n))])), _ =>
                    {
                        if (--left == 0) sender.Tell(w.Events);
                    });
                    break;
                case long upTo:
                    (_asked, _target) = (Sender, upTo);
                    _cut.UpTo(upTo);
                    break;
                case DeleteMessagesSuccess m:
                    _slices++;
                    if (m.ToSequenceNr == _target) _asked.Tell(_slices);
                    _cut.Deleted(m.ToSequenceNr);
                    break;
                case "state": Sender.Tell(new State(_slots, LastSequenceNr)); break;
            }
        }
    }
}
