using PaxosStore.Consensus;
using PaxosStore.Node.Integrity;

namespace PaxosStore.Node.Tests.Integrity;

/// <summary>Who counts as damaged: whoever a majority contradicts, and everybody in doubt when there is none.</summary>
public sealed class ChecksumLedgerTests
{
    private static readonly Slot At = new(256);
    private static readonly Configuration Three = Voters(1, 2, 3);

    private readonly ChecksumLedger _ledger = new();

    [Fact]
    public void Agreement_and_silence_speak_for_the_state()
    {
        _ledger.Own(At, 7);
        Assert.Null(Judge(1, Three));
        Told(2, 7);
        Assert.Null(Judge(1, Three));
        Told(3, 7);
        Assert.Null(Judge(1, Three));
    }

    [Fact]
    public void One_other_opinion_is_not_enough_and_two_are()
    {
        _ledger.Own(At, 7);
        Told(2, 8);
        Assert.Null(Judge(1, Three));
        Told(3, 8);
        Assert.Equal(At, Judge(1, Three));
    }

    [Fact]
    public void Whoever_has_the_majority_with_it_goes_on()
    {
        _ledger.Own(At, 7);
        Told(2, 8);
        Told(3, 7);
        Assert.Null(Judge(1, Three));
    }

    [Fact]
    public void When_all_differ_nobody_can_tell()
    {
        _ledger.Own(At, 7);
        Told(2, 8);
        Told(3, 9);
        Assert.Equal(At, Judge(1, Three));
    }

    [Fact]
    public void Of_two_that_differ_both_are_in_doubt()
    {
        _ledger.Own(At, 7);
        Told(2, 8);
        Assert.Equal(At, Judge(1, Voters(1, 2)));
    }

    [Fact]
    public void An_observer_is_judged_by_the_voters_and_judges_nobody()
    {
        var withObserver = new Configuration([new NodeId(1), new NodeId(2), new NodeId(3)], [new NodeId(4)]);
        _ledger.Own(At, 7);
        Told(4, 8);
        Told(2, 7);
        Assert.Null(Judge(1, withObserver));

        var observer = new ChecksumLedger();
        observer.Own(At, 8);
        observer.Told(new NodeId(1), At, 7);
        Assert.Null(observer.Judge(new NodeId(4), withObserver));
        observer.Told(new NodeId(2), At, 7);
        Assert.Equal(At, observer.Judge(new NodeId(4), withObserver));
    }

    [Fact]
    public void What_is_told_before_the_own_state_is_there_counts_when_it_is()
    {
        Told(2, 8);
        Told(3, 8);
        Assert.Null(Judge(1, Three));
        _ledger.Own(At, 7);
        Assert.Equal(At, Judge(1, Three));
    }

    [Fact]
    public void Slots_that_nobody_compares_and_all_but_the_newest_are_forgotten()
    {
        _ledger.Told(new NodeId(2), At.Next, 8);
        for (var i = 1; i <= 1000; i++)
        {
            Assert.True(ChecksumLedger.IsDue(new Slot(i * 256)));
            _ledger.Told(new NodeId(2), new Slot(i * 256), 8);
            _ledger.Told(new NodeId(3), new Slot(i * 256), 8);
        }

        _ledger.Own(At, 7);
        Assert.Null(Judge(1, Three));
        _ledger.Own(new Slot(1000 * 256), 7);
        Assert.Equal(new Slot(1000 * 256), Judge(1, Three));
    }

    private static Configuration Voters(params ulong[] ids) => new(ids.Select(id => new NodeId(id)));

    private void Told(ulong node, UInt128 checksum) => _ledger.Told(new NodeId(node), At, checksum);

    private Slot? Judge(ulong self, Configuration configuration) => _ledger.Judge(new NodeId(self), configuration);
}
