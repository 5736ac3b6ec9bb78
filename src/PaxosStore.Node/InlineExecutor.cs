using Akka.Configuration;
using Akka.Dispatch;

namespace PaxosStore.Node;

/// <summary>
/// Runs actors on the thread that sends to them. The actors of Akka.Remote only pass on: between an actor of ours and the socket stand three of them in either
/// direction, and waking a thread for each cost more than what they do.
/// </summary>
/// <param name="id">Name of the dispatcher.</param>
internal sealed class InlineExecutor(string id) : ExecutorService(id)
{
    /// <summary>
    /// So deep actors may run within each other. An actor with more to do than its share registers again from within its run, so without a bound a busy one would pile
    /// up on the stack, and keep the sender for ever.
    /// </summary>
    internal const int MostNested = 8;

    [ThreadStatic]
    private static int _nested;

    /// <inheritdoc/>
    public override void Execute(IRunnable run)
    {
        if (_nested == MostNested)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static later => later.Executor.Execute(later.Run), (Executor: this, Run: run), preferLocal: true);
            return;
        }

        _nested++;
        try
        {
            run.Run();
        }
        finally
        {
            _nested--;
        }
    }

    /// <summary>Nothing of its own to end.</summary>
    public override void Shutdown()
    {
    }
}

/// <summary>Makes an <see cref="InlineExecutor"/> for dispatchers that name this type as their <c>executor</c>.</summary>
internal sealed class InlineExecutorConfigurator(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
{
    /// <inheritdoc/>
    public override ExecutorService Produce(string id) => new InlineExecutor(id);
}
