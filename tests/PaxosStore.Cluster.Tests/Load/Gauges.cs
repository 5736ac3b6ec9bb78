using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Load;

/// <summary>Looks at the data directory and the memory of each node twice a second.</summary>
internal sealed class Gauges : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(500);
    private readonly CancellationTokenSource _stop = new();
    private readonly Series[] _series;
    private readonly Task _running;

    public Gauges(TestCluster cluster)
    {
        _series = [.. cluster.Nodes.Select(n => new Series(n))];
        _running = Task.Run(RunAsync);
    }

    /// <summary>Ends one part of the run, so that parts can be compared; the last part ends here or with the run.</summary>
    public void Mark() => Array.ForEach(_series, s => s.Mark());

    /// <summary>Ends the run; what was seen of each node.</summary>
    public async Task<IReadOnlyList<Gauge>> StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        return [.. _series.Select(s => s.Result())];
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Array.ForEach(_series, s => s.Look());
            await Task.WhenAny(Task.Delay(Pace, _stop.Token));
        }
    }

    private sealed class Series(NodeProcess node)
    {
        private readonly List<double> _memory = [];
        private readonly List<int> _marks = [];
        private long _mostData;

        public void Look()
        {
            lock (_memory)
            {
                _mostData = Math.Max(_mostData, node.DataBytes);
                _memory.Add(node.ResidentMegabytes);
            }
        }

        public void Mark()
        {
            Look();
            lock (_memory)
                _marks.Add(_memory.Count);
        }

        public Gauge Result()
        {
            Look();
            var first = _memory.Take(_marks[0]).Max();
            var last = Median(_memory[_marks[^2]..]);
            return new Gauge(node.Name, _mostData, node.DataBytes, first, last);
        }

        private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }
}

/// <summary>What was seen of a node: bytes in its directory, at most and in the end; memory, at most in the first part and usually in the last.</summary>
internal sealed record Gauge(string Name, long MostDataBytes, long LastDataBytes, double FirstMegabytes, double LastMegabytes)
{
    public override string ToString() =>
        $"{Name}: data at most {MostDataBytes >> 20} MB, in the end {LastDataBytes >> 20} MB; resident {FirstMegabytes:F0} MB in the first part, {LastMegabytes:F0} MB in the last";
}
