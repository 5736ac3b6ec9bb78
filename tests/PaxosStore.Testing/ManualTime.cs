namespace PaxosStore.Testing;

/// <summary>Time that passes when told to.</summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private TimeSpan now;

    /// <summary>How far off the next timer is; null when none is set.</summary>
    public TimeSpan? Next
    {
        get
        {
            lock (gate) return timers.Min(timer => timer.At) - now;
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (gate) return now.Ticks;
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + new TimeSpan(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        lock (gate) timers.Add(timer);
        return timer;
    }

    /// <summary>Lets time pass and fires what falls due.</summary>
    public void Advance(TimeSpan by)
    {
        ManualTimer[] due;
        lock (gate)
        {
            now += by;
            due = [.. timers.Where(timer => timer.Due(now))];
        }

        foreach (var timer in due) timer.Fire();
    }

    private sealed class ManualTimer(ManualTime owner, Action fire) : ITimer
    {
        private TimeSpan? next;
        private TimeSpan period;

        internal TimeSpan? At => next;

        internal void Fire() => fire();

        internal bool Due(TimeSpan now)
        {
            if (next is not { } at || at > now) return false;
            next = period > TimeSpan.Zero ? now + period : null;
            return true;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner.gate)
            {
                next = dueTime < TimeSpan.Zero ? null : owner.now + dueTime;
                this.period = period;
            }

            return true;
        }

        public void Dispose()
        {
            lock (owner.gate) owner.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
