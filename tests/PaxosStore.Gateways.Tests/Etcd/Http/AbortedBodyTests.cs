using System.IO.Pipelines;
using PaxosStore.Gateways.Etcd.Json;

namespace PaxosStore.Gateways.Tests.Etcd.Http;

/// <summary>A client that resets its HTTP/2 stream in the middle of a JSON body: whoever cancelled the reading was met by the stream's error.</summary>
public sealed class AbortedBodyTests
{
    [Fact]
    public async Task Cancelling_a_read_of_an_aborted_stream_harms_nobody_else()
    {
        var reader = new AbortedReader();
        using var gone = new CancellationTokenSource();
        var reading = new JsonValues(reader, 1000).ReadAsync(_ => { }, gone.Token).AsTask();
        await gone.CancelAsync();
        Assert.True(reader.WasWoken);
        reader.Fail();
        await Assert.ThrowsAsync<IOException>(() => reading);
    }

    /// <summary>As the web server's: waking the reader of an aborted stream throws.</summary>
    private sealed class AbortedReader : PipeReader
    {
        private readonly TaskCompletionSource<ReadResult> read = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool WasWoken { get; private set; }

        public void Fail() => read.SetException(new IOException("The request stream was aborted."));

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => new(read.Task);

        public override void CancelPendingRead()
        {
            WasWoken = true;
            throw new IOException("The request stream was aborted.");
        }

        public override void AdvanceTo(SequencePosition consumed) => throw new NotSupportedException();

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => throw new NotSupportedException();

        public override void Complete(Exception? exception = null)
        {
        }

        public override bool TryRead(out ReadResult result) => throw new NotSupportedException();
    }
}
