using System.Collections.Immutable;
using CsCheck;

namespace PaxosStore.Kv.Tests;

/// <summary>Random histories on the real state machine and on the naive model: every reply, read, lease and watcher must agree.</summary>
public class ModelTests
{
    [Fact]
    public void The_state_machine_agrees_with_the_naive_model() =>
        Gen.Select(Gens.Batch.Array[0, 25], Gens.HistoricRange.Array[6]).Sample(
            (batches, questions) =>
            {
                var (machine, model) = (new Machine(), new NaiveModel());
                var oldViews = new List<(KvView View, string[] Answers)>();
                foreach (var (seconds, commands) in batches)
                {
                    machine.Time += TimeSpan.FromSeconds(seconds);
                    model.Advance(machine.Time);
                    var results = machine.RunAll(commands);
                    for (var i = 0; i < commands.Length; i++) Assert.Equal(Expect(model, commands[i]), Show(results[i].Result));
                    Assert.Equal(model.Revision, machine.View.Revision);
                    Assert.Equal(model.Compact, machine.View.CompactRevision);
                    oldViews.Add((machine.View, [.. questions.Select(q => Ask(machine.View, (RangeOp)q))]));
                    CompareReads(machine.View, model, questions);
                }

                machine.Tick(0);
                machine.Tick(0);
                model.Advance(machine.Time);
                CompareReads(machine.View, model, questions);
                foreach (var (view, answers) in oldViews) CompareOldView(view, questions, answers);
                CompareWatchers(machine, model);
                TreeChecks.AssertSound(machine.View.Root);
            },
            iter: 3_000, threads: 2);

    private static void CompareReads(KvView view, NaiveModel model, KvOp[] questions)
    {
        foreach (var question in questions.Cast<RangeOp>())
        {
            string expected;
            try
            {
                expected = Bytes.Hex(model.Range(question, model.Revision));
            }
            catch (KvException e)
            {
                expected = e.Code.ToString();
            }

            Assert.Equal(expected, Ask(view, question));
        }

        Assert.Equal(model.LeaseIds, view.LeaseIds());
        foreach (var id in model.LeaseIds) Assert.Equal(model.KeysOf(id), view.Lease(id)!.Keys.Select(Bytes.Text));
        Assert.Equal(model.At(long.MaxValue).Values.Sum(kv => kv.Key.Length + kv.Value.Length + 64L), view.DataBytes);
    }

    /// <summary>A view that was overtaken by compaction may refuse, but never answers otherwise than it did.</summary>
    private static void CompareOldView(KvView view, KvOp[] questions, string[] answers)
    {
        for (var i = 0; i < questions.Length; i++)
        {
            var now = Ask(view, (RangeOp)questions[i]);
            if (now != nameof(KvErrorCode.Compacted)) Assert.Equal(answers[i], now);
        }
    }

    private static void CompareWatchers(Machine machine, NaiveModel model)
    {
        for (var start = 1; start <= model.Revision; start++)
        {
            var spec = new WatchSpec(start % 2 == 0 ? Bytes.Everything : Bytes.Range("a", "b"), start, start % 5 != 0, start % 7 != 0);
            using var watcher = machine.State.Watches.Open(spec);
            if (start < model.Compact)
            {
                Assert.Equal(KvErrorCode.Compacted, Assert.Throws<KvException>(() => watcher.TryRead(int.MaxValue)).Code);
                continue;
            }

            var events = new List<KvEvent>();
            while (true)
            {
                var batch = watcher.TryRead(60);
                events.AddRange(batch.Events);
                if (batch.CaughtUp) break;
            }

            Assert.Equal(Bytes.Hex(model.Events(spec, start)), Bytes.Hex(events));
            Assert.Equal(model.Revision, watcher.DeliveredThrough);
        }
    }

    private static string Ask(KvView view, RangeOp op)
    {
        try
        {
            return Bytes.Hex(view.Range(op));
        }
        catch (KvException e)
        {
            return e.Code.ToString();
        }
    }

    private static string Show(KvResult result) => $"{result.Revision} " + result switch
    {
        WriteResult write => Bytes.Hex(write.Op),
        LeaseRevokeResult revoke => revoke.DeletedKeys.ToString(),
        LeaseKeepAliveResult keepAlive => string.Join(',', keepAlive.TtlSeconds),
        RefusedResult refused => refused.Code.ToString(),
        _ => "done",
    };

    private static string Expect(NaiveModel model, KvCommand command)
    {
        string text;
        try
        {
            text = command switch
            {
                WriteCommand write => Bytes.Hex(model.Write(write.Op)),
                LeaseRevokeCommand revoke => model.Revoke(revoke.Id).ToString(),
                LeaseKeepAliveCommand keepAlive => string.Join(',', keepAlive.Ids.Select(model.KeepAlive)),
                LeaseGrantCommand grant => Do(() => model.Grant(grant.Id, grant.TtlSeconds)),
                CompactCommand compact => Do(() => model.CompactTo(compact.Revision)),
                _ => throw new ArgumentException("not modelled", nameof(command)),
            };
        }
        catch (KvException e)
        {
            text = e.Code.ToString();
        }

        return $"{model.Revision} {text}";
    }

    private static string Do(Action action)
    {
        action();
        return "done";
    }

    [Fact]
    public void Read_only_transactions_evaluate_as_through_the_log() =>
        Gen.Select(Gens.Batch.Array[0, 10], Gens.Comparison.Array[0, 3], Gens.HistoricRange.Array[0, 3], Gens.HistoricRange.Array[0, 3]).Sample(
            (batches, compare, success, failure) =>
            {
                var machine = new Machine();
                foreach (var (_, commands) in batches) machine.RunAll(commands);
                var txn = new TxnOp([.. compare], [.. success], [.. failure]);
                string local;
                try
                {
                    local = Bytes.Hex(machine.View.Evaluate(txn));
                }
                catch (KvException e)
                {
                    local = e.Code.ToString();
                }

                var logged = machine.Run(new WriteCommand(txn));
                Assert.Equal(logged is RefusedResult refused ? refused.Code.ToString() : Bytes.Hex(((WriteResult)logged).Op), local);
            },
            iter: 2_000, threads: 2);

    [Fact]
    public void Evaluate_refuses_a_transaction_that_could_write()
    {
        var put = new PutOp(Bytes.Of("a"), Bytes.Of("v"));
        var nested = new TxnOp([], [], ImmutableArray.Create<KvOp>(put));
        var view = new Machine().View;
        Assert.Throws<InvalidOperationException>(() => view.Evaluate(new TxnOp([], [], ImmutableArray.Create<KvOp>(nested))));
        Assert.True(view.Evaluate(new TxnOp([], [], [])).Succeeded);
    }
}
