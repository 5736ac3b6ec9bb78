namespace PaxosStore.Consensus.Tests;

public class LearnerTests
{
    private const int Slots = 8;
    private static readonly NodeId N1 = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly Ballot First = new(1, N1);
    private static readonly Ballot Second = new(2, N2);
    private static readonly LogBase Start = LogBase.Initial(new Configuration([N1, N2, new NodeId(3)]));

    /// <summary>
    /// Two leaderships, told of in any order, repeated and with holes. A slot not chosen under the first may hold another value there; what the second proposes is
    /// chosen. Whatever a learner is told, it hands on what is chosen, in order, once.
    /// </summary>
    [Fact]
    public void A_learner_hands_on_what_is_chosen_in_order_and_once()
    {
        var whole = 0;
        for (ulong seed = 0; seed < 2_000; seed++)
        {
            if (Run(new SplitMix(seed)) == Slots) whole++;
        }

        Assert.True(whole > 100, $"only {whole} learned everything");
    }

    private static long Run(SplitMix random)
    {
        var chosenUnderFirst = random.Below(Slots + 1);
        var first = Enumerable.Range(1, Slots).Select(s => new Value(1, TimeSpan.Zero, s, [])).ToArray();
        var second = first.Select((v, i) => i < chosenUnderFirst || random.Below(2) == 0 ? v : v with { Round = 2 }).ToArray();
        var learner = new Learner(new NodeId(3), Start, new PaxosOptions { LearnerWindow = 1 + random.Below(Slots) });
        var delivered = 0L;
        for (var step = 0; step < 40; step++)
        {
            var effects = learner.Step(N2, Say(random, chosenUnderFirst, first, second), TimeSpan.FromMilliseconds(step * 10));
            foreach (var chosen in effects.Deliver)
            {
                Assert.Equal(new Slot(++delivered), chosen.Slot);
                Assert.Equal(second[delivered - 1], chosen.Value);
            }

            Assert.Equal(new Slot(delivered), learner.Delivered);
            Assert.True(learner.Known >= learner.Delivered);
        }

        return delivered;
    }

    private static Message Say(SplitMix random, int chosenUnderFirst, Value[] first, Value[] second)
    {
        var (isFirst, from) = (random.Below(2) == 0, random.Below(Slots));
        var length = 1 + random.Below(Slots - from);
        var (ballot, values, most) = isFirst ? (First, first, chosenUnderFirst) : (Second, second, Slots);
        var chosen = new Slot(random.Below(most + 1));
        return random.Below(3) switch
        {
            0 => new LocallyAccepted(ballot, new Slot(from + 1), [.. values.Skip(from).Take(length)], chosen),
            1 => new ChosenUpTo(ballot, chosen),
            _ => new Entries(new Slot(from + 1), [.. second.Skip(from).Take(random.Below(3))], new Slot(Math.Max(from, chosen.Number))),
        };
    }

    [Fact]
    public void A_learner_that_stays_behind_asks_another_node_and_the_next_one_when_that_does_not_help()
    {
        var learner = new Learner(N1, Start, new PaxosOptions());
        learner.Step(N2, new ChosenUpTo(Second, new Slot(3)), TimeSpan.Zero);

        var asked = new List<NodeId>();
        for (var ms = 0; ms <= 2_000; ms += 10)
        {
            foreach (var (to, _, message) in learner.Tick(TimeSpan.FromMilliseconds(ms)).Now)
            {
                if (message is not Fetch fetch || to == N1) continue;
                Assert.Equal(new Slot(1), fetch.From);
                asked.Add(to);
            }
        }

        Assert.Equal([N2, new NodeId(3)], asked.Distinct().Order());
        Assert.True(asked.Count <= 12, $"asked {asked.Count} times in two seconds");
        Assert.All(asked.Zip(asked.Skip(1)), pair => Assert.NotEqual(pair.First, pair.Second));
    }
}
