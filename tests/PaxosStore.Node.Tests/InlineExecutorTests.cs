using Akka.Actor;
using Akka.Dispatch;
using Akka.TestKit.Xunit2;

namespace PaxosStore.Node.Tests;

/// <summary>Actors that run on their sender's thread: in order, one message at a time, and never deeper than the bound.</summary>
public sealed class InlineExecutorTests() : TestKit("""
    akka.loglevel = OFF
    inline {
      type = Dispatcher
      throughput = 2
      executor = "PaxosStore.Node.InlineExecutorConfigurator, PaxosStore.Node"
    }
    """)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task An_actor_runs_on_the_thread_that_sends_to_it()
    {
        var actor = Sys.ActorOf(Props.Create(() => new WhichThread()).WithDispatcher("inline"));
        await actor.Ask<int>("is there", Limit);
        var told = new TaskCompletionSource<int>();
        var here = Environment.CurrentManagedThreadId;
        actor.Tell(told);
        Assert.True(told.Task.IsCompletedSuccessfully, "it has not run yet when Tell returns");
        Assert.Equal(here, await told.Task);
    }

    [Fact]
    public async Task Messages_of_many_threads_are_handled_one_at_a_time_and_in_order_for_each()
    {
        const int Threads = 4, Each = 20_000;
        var done = new TaskCompletionSource<string>();
        var actor = Sys.ActorOf(Props.Create(() => new Checker(Threads, Each, done)).WithDispatcher("inline"));
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < Each; i++) actor.Tell((thread, i));
        })));
        Assert.Equal("", await done.Task.WaitAsync(Limit));
    }

    /// <summary>Each message sends the next: without a bound, all of them would lie on one stack.</summary>
    [Fact]
    public async Task Actors_that_send_to_each_other_do_not_pile_up_on_the_stack()
    {
        var done = new TaskCompletionSource<int>();
        var actors = Enumerable.Range(0, 40).Select(_ => Sys.ActorOf(Props.Create(() => new Relay(done)).WithDispatcher("inline"))).ToArray();
        for (var i = 0; i < actors.Length; i++) actors[i].Tell(actors[(i + 1) % actors.Length]);
        actors[0].Tell(200_000);
        Assert.InRange(await done.Task.WaitAsync(Limit), 1, InlineExecutor.MostNested);
    }

    [Fact]
    public async Task What_is_too_deep_runs_on_a_stack_of_its_own()
    {
        var executor = new InlineExecutor("test");
        using var depthHere = new ThreadLocal<int>();
        var (deepest, later) = (0, new TaskCompletionSource<int>());
        Nest();
        Assert.Equal(InlineExecutor.MostNested, deepest);
        Assert.Equal(0, await later.Task.WaitAsync(Limit));

        void Nest() => executor.Execute(new ActionRunnable(() =>
        {
            if (deepest == InlineExecutor.MostNested)
            {
                later.SetResult(depthHere.Value);
                return;
            }

            deepest = ++depthHere.Value;
            Nest();
            depthHere.Value--;
        }));
    }

    private sealed class WhichThread : ReceiveActor
    {
        public WhichThread()
        {
            Receive<string>(_ => Sender.Tell(0));
            Receive<TaskCompletionSource<int>>(told => told.SetResult(Environment.CurrentManagedThreadId));
        }
    }

    private sealed class Checker : ReceiveActor
    {
        private readonly int[] _next;
        private int _inside;
        private int _left;

        public Checker(int threads, int each, TaskCompletionSource<string> done)
        {
            (_next, _left) = (new int[threads], threads * each);
            Receive<(int Thread, int Number)>(m =>
            {
                if (Interlocked.Increment(ref _inside) != 1) done.TrySetResult("two threads at once");
                if (_next[m.Thread]++ != m.Number) done.TrySetResult("out of order");
                Interlocked.Decrement(ref _inside);
                if (--_left == 0) done.TrySetResult("");
            });
        }
    }

    private sealed class Relay : ReceiveActor
    {
        [ThreadStatic]
        private static int _depth;

        private static int _deepest;

        public Relay(TaskCompletionSource<int> done)
        {
            IActorRef next = ActorRefs.Nobody;
            Receive<IActorRef>(m => next = m);
            Receive<int>(left =>
            {
                if (left == 0)
                {
                    done.SetResult(Volatile.Read(ref _deepest));
                    return;
                }

                _depth++;
                if (_depth > Volatile.Read(ref _deepest)) Volatile.Write(ref _deepest, _depth);
                next.Tell(left - 1);
                _depth--;
            });
        }
    }
}
