namespace PaxosStore.Consensus.Tests;

public class SlotLogTests
{
    /// <summary>Against a dictionary: random votes at random distances, cut at random places.</summary>
    [Fact]
    public void A_log_holds_what_a_dictionary_above_its_cut_would_hold()
    {
        for (ulong seed = 0; seed < 200; seed++) Compare(new SplitMix(seed));
    }

    private static void Compare(SplitMix random)
    {
        var (log, model, cut) = (new SlotLog(), new SortedDictionary<long, (Ballot, Value)>(), 0L);
        for (var step = 0; step < 60; step++)
        {
            if (random.Below(4) > 0)
            {
                var slot = cut + 1 + random.Below(12);
                var ballot = new Ballot(step, new NodeId(1));
                var value = new Value(step, TimeSpan.Zero, 0, []);
                log.Set(new Slot(slot), ballot, value);
                model[slot] = (ballot, value);
            }
            else
            {
                // Also below what is cut already, and beyond all there is.
                var through = Math.Max(0, cut - 2 + random.Below(14));
                log.DropThrough(new Slot(through));
                cut = Math.Max(cut, through);
                foreach (var gone in model.Keys.Where(s => s <= cut).ToArray()) model.Remove(gone);
            }

            Assert.Equal(new Slot(cut + 1), log.First);
            Assert.Equal(new Slot(model.Count == 0 ? cut : model.Keys.Max()), log.Last);
            for (var slot = Math.Max(0, cut - 2); slot <= cut + 16; slot++)
            {
                var there = log.TryGet(new Slot(slot), out var ballot, out var value);
                Assert.Equal(model.ContainsKey(slot), there);
                if (there) Assert.Equal(model[slot], (ballot, value));
            }
        }
    }
}
