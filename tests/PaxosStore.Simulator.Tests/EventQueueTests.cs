namespace PaxosStore.Simulator.Tests;

public class EventQueueTests
{
    [Fact]
    public void Events_come_by_time_and_then_as_they_were_planned_wherever_they_are_kept()
    {
        var (queue, random, model, number) = (new EventQueue(), new Random(7), new List<(long Time, long Number)>(), 0L);
        for (var round = 0; round < 400; round++)
        {
            for (var i = random.Next(4); i > 0; i--, number++)
            {
                model.Add((round + random.Next(20), number));
                queue.Add(model[^1].Time, new Event(EventKind.Heal, 0, 0, 0, 0, number, null));
            }

            foreach (var due in model.Where(m => m.Time <= round).Order().ToArray())
            {
                Assert.True(queue.TryTake(round, out var time, out var e));
                Assert.Equal(due, (time, e.Arg));
                model.Remove(due);
            }

            Assert.False(queue.TryTake(round, out var end, out _));
            Assert.Equal(round, end);
        }

        Assert.True(number > 512, "the queue never grew");
    }

    [Fact]
    public void A_run_too_long_for_the_order_is_refused() =>
        Assert.Throws<OverflowException>(() => new EventQueue().Add(1L << 40, default));
}
