namespace PaxosStore.Consensus.Tests;

public class QuorumTests
{
    [Fact]
    public void Any_two_quorums_of_up_to_seven_voters_meet_and_no_smaller_size_would_do()
    {
        for (var n = 1; n <= 7; n++)
        {
            var configuration = new Configuration(Enumerable.Range(1, n).Select(i => new NodeId((ulong)i)));
            var quorums = Enumerable.Range(0, 1 << n).Where(s => Holds(configuration, s)).ToArray();
            Assert.NotEmpty(quorums);
            foreach (var a in quorums)
            {
                foreach (var b in quorums) Assert.NotEqual(0, a & b);
            }

            var smaller = Enumerable.Range(0, 1 << n).Where(s => System.Numerics.BitOperations.PopCount((uint)s) == configuration.QuorumSize - 1).ToArray();
            Assert.True(n == 1 || smaller.Any(a => smaller.Any(b => (a & b) == 0)), $"{n} voters: a smaller quorum would be safe");
        }
    }

    private static bool Holds(Configuration configuration, int set)
    {
        var voters = configuration.Voters.Where((_, i) => (set & (1 << i)) != 0).Aggregate(default(VoterSet), (s, v) => s | configuration.SetOf(v));
        return SafetyRules.Paxos.IsQuorum(SafetyRules.Paxos.CountVoters(voters, 99), configuration);
    }

    [Fact]
    public void Observers_have_no_vote()
    {
        var configuration = new Configuration([new NodeId(1)], [new NodeId(2)]);

        Assert.False(configuration.IsVoter(new NodeId(2)));
        Assert.Equal(0, configuration.SetOf(new NodeId(2)).Count);
    }

    [Fact]
    public void A_configuration_without_voters_or_with_a_node_named_twice_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new Configuration([]));
        Assert.Throws<ArgumentException>(() => new Configuration([new NodeId(1), new NodeId(1)]));
        Assert.Throws<ArgumentException>(() => new Configuration([new NodeId(1)], [new NodeId(1)]));
        Assert.Throws<ArgumentException>(() => new Configuration(Enumerable.Range(1, 64).Select(i => new NodeId((ulong)i))));
    }

    [Fact]
    public void Ballots_are_totally_ordered_by_round_then_node()
    {
        Ballot[] all = [Ballot.None, .. from round in new long[] { 1, 2, 3 } from node in new ulong[] { 1, 2, 3 } select new Ballot(round, new NodeId(node))];
        for (var i = 0; i < all.Length; i++)
        {
            for (var j = 0; j < all.Length; j++)
            {
                Assert.Equal(Math.Sign(i.CompareTo(j)), Math.Sign(all[i].CompareTo(all[j])));
                Assert.Equal(i < j, all[i] < all[j]);
                Assert.Equal(i >= j, all[i] >= all[j]);
                Assert.Equal(i == j, all[i] == all[j]);
            }
        }
    }
}
