using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>A mistake that other systems made, made again on purpose: the simulator must notice, or it does not see.</summary>
/// <param name="Name">Short name.</param>
/// <param name="Row">Row of the catalogue of known bugs that it stands for.</param>
/// <param name="What">What is wrong.</param>
/// <param name="Defects">The mistake.</param>
internal sealed partial record Mutant(string Name, int Row, string What, Defects Defects)
{
    public static IReadOnlyList<Mutant> All { get; } =
    [
        Rule("promise-not-recorded", 1, "a promise is kept in memory only", new PromiseNotRecorded()),
        Rule("vote-not-recorded", 1, "a vote is kept in memory only", new VoteNotRecorded()),
        Rule("promises-anything", 2, "an acceptor promises ballots below its promise", new PromisesAnything()),
        Rule("half-is-a-quorum", 2, "half of the voters decide", new HalfIsAQuorum()),
        Rule("ballot-reused-after-restart", 3, "rounds start from what others tell, not from the journal", new BallotReused()),
        Rule("own-promise-not-first", 3, "others hear of a ballot before the own journal does", new OwnPromiseLate()),
        Rule("stale-promise-counts", 4, "a promise for an older ballot counts", new StalePromiseCounts()),
        Rule("duplicates-count", 4, "messages are counted, not voters", new DuplicatesCount()),
        Rule("leads-again-under-old-ballot", 5, "a late promise makes a leader again", new LeadsAgain()),
        Rule("accept-does-not-promise", 6, "a vote does not raise the promise", new AcceptDoesNotPromise()),
        Rule("lowest-ballot-adopted", 7, "of several votes the oldest is adopted", new LowestAdopted()),
        Rule("nothing-adopted", 7, "reported votes are not proposed again", new NothingAdopted()),
        Rule("any-local-vote-is-chosen", 7, "a leader's watermark covers votes of older ballots", new AnyVoteIsChosen()),
        Rule("reads-open-at-once", 8, "reads are served before an own entry is chosen", new ReadsOpenAtOnce()),
        new("read-before-applied", 8, "a read does not wait for its barrier to be applied", new Defects { ReadBeforeApplied = true }),
        Rule("reads-without-quorum", 9, "a read round needs no answer", new ReadsWithoutQuorum()),
        Rule("confirms-any-ballot", 9, "an acceptor confirms a leader that lost", new ConfirmsAnything()),
        Rule("old-confirmation-counts", 10, "a read round takes the answer to the round before", new OldConfirmation()),
        Rule("confirmation-of-other-ballot", 10, "confirmations of an older ballot count", new ConfirmationOfOther()),
        Rule("unheard-clock-runs-on", 11, "the clock of a leader that no quorum hears goes on", new UnheardStamps()),
        Rule("log-time-runs-ahead", 12, "a new leader starts ahead of the log's time", new LogTimeAhead()),
        Rule("vote-before-durable", 15, "a vote leaves before it is on disk", new VoteEarly()),
        new("ack-before-chosen", 15, "a client's write is acknowledged when it is proposed", new Defects { AckAtVote = true }),
        new("applied-ahead-of-state", 14, "a snapshot says that it covers one slot more than it does", new Defects { SnapshotAheadOfState = true, SafetyOnly = true }),
        new("snapshot-without-sessions", 16, "a snapshot leaves out what repeats are known by", new Defects { SnapshotWithoutSessions = true, SafetyOnly = true }),
        new("installs-part-of-snapshot", 24, "a snapshot is installed when its first piece is there", new Defects { InstallsPart = true, SafetyOnly = true }),
        Rule("truncates-unchosen", 25, "the log is cut beyond what is chosen", new TruncatesUnchosen()),
        new("cut-before-snapshot-durable", 25, "the log is cut when a snapshot is begun", new Defects { CutBeforeDurable = true, SafetyOnly = true }),
        Rule("watermark-skips-gap", 25, "the watermark passes a slot because the next has its quorum", new WatermarkSkips()),
        Rule("part-of-promise-is-enough", 25, "one part of a promise counts as the whole", new PartIsEnough()),
        new("old-snapshot-wins", 26, "of three snapshots the newest is thrown away", new Defects { OldSnapshotWins = true, SafetyOnly = true }),
        new("takes-damaged-snapshot", 27, "a snapshot is loaded whatever its digest says", new Defects { TakesDamagedSnapshot = true, SafetyOnly = true }),
        new("hides-loss", 27, "a node that lost records does not say so", new Defects { HidesLoss = true, SafetyOnly = true }),
        Rule("forgetful-learns-nothing", 27, "a forgetful node votes before it has learned what others voted for", new LearnsNothing()),
        Rule("majority-vouches-for-forgetful", 27, "a forgetful node asks a majority only", new MajorityVouches()),
        Rule("promise-before-durable", 28, "a promise leaves before it is on disk", new PromiseEarly()),
        new("cuts-votes", 28, "votes after the base are deleted with what was before it", new Defects { CutsVotes = true, SafetyOnly = true }),
        new("base-loses-promise", 29, "what stands for all records before it leaves out the promise", new Defects { BaseWithoutPromise = true, SafetyOnly = true }),
        Rule("reports-cut-log", 30, "a promise stays silent about slots that were cut", new ReportsCutLog()),
        Rule("first-vote-not-reported", 30, "a promise leaves out the first vote above the watermark", new FirstVoteKept()),
        new("write-error-ignored", 31, "a failed write is taken for a good one", new Defects { WriteErrorIgnored = true, SafetyOnly = true }),
        new("no-session-dedup", 33, "a repeated request is applied again", new Defects { NoSessionDedup = true }),
        Rule("governs-at-once", 35, "a configuration governs from the next slot on", new GovernsAtOnce()),
        Rule("prepares-newest-only", 35, "phase 1 asks a quorum of the newest configuration only", new PreparesNewest()),
        Rule("leads-without-a-vote", 35, "a node leads that does not vote in every configuration of the suffix", new LeadsOutside()),
        Rule("prepares-oldest-only", 35, "phase 1 asks a quorum of the configuration of the first slot only", new PreparesOldest()),
        Rule("two-changes-at-once", 35, "a change is made before the one before it governs", new TwoChanges()),
        Rule("changes-before-own-entry", 35, "a new leader makes a change before an own entry is chosen", new ChangesFirst()),
        Rule("proposes-beyond-alpha", 36, "slots are proposed whose voters are not decided", new BeyondAlpha()),
        Rule("void-change-applied", 36, "of two successors of one configuration the second takes effect too", new VoidApplied()),
        Rule("promotes-laggard", 37, "a node gets a vote before it has caught up", new PromotesLaggard()),
        new("leaves-at-once", 37, "a removed node stops as soon as it knows", new Defects { Rules = new LeavesAtOnce() }),
        Rule("unadmitted-votes", 38, "a node takes part before it is admitted", new UnadmittedVotes()),
        Rule("one-vouches", 38, "the word of one is enough", new OneVouches()),
        Rule("accepts-other-incarnation", 38, "another incarnation is taken for the same node", new OtherIncarnation()),
        Rule("strangers-vouch", 38, "who never met a voter vouches for it", new StrangersVouch()),
        Rule("old-welcome-counts", 4, "a forgetful node takes the answer to an introduction before it forgot again", new OldWelcome()),
        Rule("forgetful-reuses-ballot", 3, "a node that forgot its ballot uses it again", new ReusesForgotten()),
        new("journal-lost-at-restart", 38, "a node votes again under its identity after losing its disk", new Defects { JournalLostAtRestart = true }),
        Rule("stamps-unheard", 11, "a leader that no quorum hears stamps values with the time at which its clock stood still", new StampsStandingStill()),
        Rule("accepts-anything", 43, "a promise does not void older ballots", new AcceptsAnything()),
        Rule("vote-of-other-ballot-counts", 43, "votes given to other ballots count", new VoteOfOther()),
        Rule("applies-twice", 46, "a slot fetched twice is applied twice", new AppliesTwice()),
        new("torn-write-skipped", 48, "recovery skips a torn record and takes those after it", new Defects { TornWriteSkipped = true }),
        .. OfWholeStore,
    ];

    /// <summary>Where each is known to be noticed, so that the search is short.</summary>
    public static IReadOnlyDictionary<string, ulong> KnownSeeds { get; } = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Mutants.txt"))
        .Select(l => l.Split(' ')).ToDictionary(p => p[0], p => ulong.Parse(p[1], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Where it happened.</summary>
    public string Seen => Row switch
    {
        1 => "hashicorp/raft #661",
        2 => "camunda #5356",
        3 => "phxpaxos #145",
        4 => "MyPaxos #18",
        5 => "an earlier prototype",
        6 => "cassandra PR #1327",
        7 => "LogCabin #44",
        8 => "redisraft #18",
        9 => "consul #54",
        10 => "etcd #20418",
        11 => "etcd #12528",
        12 => "etcd #2660",
        14 => "etcd #13766",
        15 => "etcd #14370",
        16 => "etcd #14685",
        17 => "etcd #15271",
        18 => "etcd #17529",
        20 => "etcd #17247",
        21 => "etcd #15220",
        23 => "etcd #18667",
        24 => "etcd #18055",
        25 => "redisraft #43",
        26 => "hashicorp/raft #395",
        27 => "NuRaft #185",
        28 => "ZooKeeper 3023",
        29 => "ZooKeeper 4643",
        30 => "ZooKeeper 1154",
        31 => "ZooKeeper 4882",
        33 => "redisraft #23",
        35 => "raft-dev 2015",
        36 => "camunda #57386",
        37 => "etcd #10563",
        38 => "etcd #20269",
        43 => "MongoDB SERVER-22136",
        45 => "etcd #14571",
        46 => "apply not repeatable",
        55 => "systems with time-outs",
        48 => "protocol-aware recovery, FAST'18",
        _ => "",
    };

    private static Mutant Rule(string name, int row, string what, SafetyRules rules) => new(name, row, what, new Defects { Rules = rules, SafetyOnly = true });
}
