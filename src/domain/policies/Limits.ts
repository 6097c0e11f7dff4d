import { Duration } from "effect"
import type { StepName } from "../Status.ts"

/** Every bound there is. Nothing waits, loops or buffers without one of these. */
export const Limits = {
  /** A whole step, its retries included. */
  step: {
    routing: Duration.minutes(1),
    generating: Duration.minutes(15),
    applying: Duration.minutes(20),
    creating_pr: Duration.minutes(10),
    tracking: Duration.minutes(1)
  } satisfies Record<StepName, Duration.Duration>,

  /** One call where nothing may be interrupted: closing a reservation, removing a worktree, cleaning up after a run. */
  unattended: Duration.minutes(6),

  /** One git command that stays on this machine, and one that talks to a remote. */
  gitLocal: Duration.seconds(60),
  gitRemote: Duration.minutes(5),
  gitOutputBytesMax: 16 * 1024 * 1024,
  /** One git command that finds a lock held by another process is tried this often in all. */
  gitLockAttempts: 6,
  gitLockRetryFirst: Duration.millis(50),

  /** How much of one of a command's outputs is searched for what went wrong, its beginning and its end. */
  classifiedCharactersMax: 64 * 1024,
  /** How much of one line. */
  classifiedLineCharactersMax: 4_000,
  /** How deep the causes of an error are followed, and how many attempts of an AggregateError are looked at. */
  classifiedCausesMax: 8,
  classifiedAttemptsMax: 32,

  /** How long a child process may take to end after it was asked to, before it is killed. */
  processKillAfter: Duration.seconds(2),
  /** How long the output of an ended process is awaited: something it started may still hold the pipe. */
  processDrain: Duration.seconds(1),

  forgeCall: Duration.seconds(30),
  /** The longest answer of the forge that is read, and the longest request body the local forge reads. */
  forgeBodyBytesMax: 4 * 1024 * 1024,
  /** The wait after a rate limit that names none: what GitHub's documentation asks for. */
  forgeRateLimitWait: Duration.minutes(1),
  /** The largest push the local forge takes in. */
  forgePushBytesMax: 512 * 1024 * 1024,
  /** How much of a diff the local forge shows on a page. */
  forgeDiffBytesMax: 512 * 1024,
  /** How long a client of the local forge may take over its request headers. */
  forgeHeaders: Duration.seconds(10),
  /** How long a git process of the local forge may take to end after SIGTERM, and an open request at shutdown. */
  forgeGrace: Duration.seconds(2),
  /** How many git processes the local forge runs at once: so many for its own questions, so many for clients. */
  forgeGitProcesses: 8,
  /** How often a change of the local forge's state is tried again when another process was quicker. */
  forgeWriteAttempts: 50,
  modelCall: Duration.minutes(5),
  /** How long a provider may take to list its models, when its key is checked. */
  keyCheck: Duration.seconds(10),
  /** The longest answer of a model provider that is read. */
  modelReplyBytesMax: 16 * 1024 * 1024,
  /** The longest request that a program may make through the model gateway, and how many in one attempt. */
  gatewayBodyBytesMax: 8 * 1024 * 1024,
  gatewayCallsMax: 64,
  /** How many requests it forwards at once, and how much of a streamed answer waits for a slow program: so many pieces. */
  gatewayCallsAtOnce: 16,
  gatewayPiecesMax: 64,
  gatewayConnectionsMax: 256,
  /** How long a program may take over its request's headers, and an open request at the gateway's end. */
  gatewayHeaders: Duration.seconds(10),
  gatewayGrace: Duration.seconds(2),
  /** A call that claims to have used more tokens than this is not believed. */
  modelTokensMax: 100_000_000,
  /** The longest answer that a request asks for, where the model itself could give a longer one. */
  requestOutputTokensMax: 16_384,
  /**
   * What a provider's message format adds to the tokens of the text. OpenAI documents 3 for each message, 1 for its
   * role and 3 before the answer, 11 for the two messages of a request; templates of other servers add more.
   */
  requestFramingTokens: 256,
  /** The longest file of prices that is read. */
  pricesFileBytesMax: 1024 * 1024,
  /** How many language models one worker keeps ready. */
  modelsReadyMax: 32,
  /** How many places in a model's answer are tried as the beginning of a proposal. */
  proposalStartsMax: 32,
  /** The longest answer in which a proposal is looked for. */
  proposalCharactersMax: 1_000_000,
  /** How many models routing names for one order, and the prompt it takes for typical when it compares costs. */
  routedModelsMax: 3,
  routedPromptTokens: 20_000,

  /** The most edits of one proposal, and the largest file that one may read or write. */
  editsMax: 200,
  editFileBytesMax: 2 * 1024 * 1024,
  /** The longest path that may be edited, as far as names of files go. */
  editPathCharactersMax: 4_096,
  /** How many lines are compared to find where one diff fits. */
  diffComparisonsMax: 5_000_000,

  /** One run of an outside editor, unless the order says otherwise; and its answer to which version it is. */
  editor: Duration.minutes(5),
  editorVersion: Duration.seconds(45),
  /** How long an editor that was found well is believed to be. */
  editorWell: Duration.minutes(10),
  /** How long it may take to end after it was asked to, before it is killed. */
  editorKillAfter: Duration.seconds(5),
  /** What is kept of each of an editor's outputs, and of its own log. */
  editorOutputBytesMax: 256 * 1024,
  /** An editor's output goes to the timeline in so many notes of so many characters, each for lines of so long. */
  editorNotesMax: 20,
  editorNoteCharactersMax: 1_000,
  editorNoteEvery: Duration.seconds(2),
  editorNoteLines: 40,
  /** How long the timeline may take to hear the last of it. */
  editorNoteLast: Duration.seconds(5),

  /** The largest change that is stored with the order. */
  patchBytesMax: 8 * 1024 * 1024,
  /** How much of the repository a model is shown. */
  promptFileBytesMax: 64 * 1024,
  promptFilesMax: 40,
  promptPathsMax: 2_000,
  /** How many files in scope are opened in search of `promptFilesMax` that are text and short enough. */
  promptFileReadsMax: 200,

  /** A runner that does not renew its lease for this long has lost its executions. */
  runnerLease: Duration.seconds(15),
  /** How often a runner renews its lease and looks for work it was not told about. */
  runnerTick: Duration.seconds(1),
  /** How often its lease is written anew: what a tick finds nothing to do for writes nothing in between. */
  runnerRenew: Duration.seconds(3),
  /** A tick is early for a clock or for another runner's lease, but no earlier than this after the last. */
  runnerTickShortest: Duration.millis(20),
  /** How long a worker that was told to stop lets the steps under way come to their ends before it hands them over. */
  workerDrain: Duration.seconds(25),
  /** An execution that so many runners in a row could not bring to the end of a step is put before a person. */
  executionStallsMax: 3,
  /** Ends of steps that come at the same moment share a commit: at most so many, in so many commits at once, the second of them for no fewer than `commitsLeast`. */
  commitsTogether: 64,
  commitsLeast: 8,
  commitsAtOnce: 2,
  /** How far a worker's clock may be from the database's before it is put right, and how often they are compared. */
  clockSkew: Duration.seconds(1),
  clockCompare: Duration.minutes(1),
  /** How often those who wait for executions that another process runs look for their results, and for how many at once. */
  executionPoll: Duration.millis(200),
  pollsTogether: 1_000,
  /** How long timelines and journals of what is over are kept, and how often a worker removes older ones. */
  retention: Duration.days(30),
  purgeEvery: Duration.hours(1),
  /** So many rows of a kind in one commit, in so many commits at a time. */
  purgeTogether: 1_000,
  purgeCommits: 1_000,
  /** How many executions one worker runs at once. */
  runnerSlots: 8,

  /** One attempt to call a store function. */
  storeCall: Duration.seconds(10),
  /** One call of a store function is tried this often in all before it fails as StoreUnavailable. */
  storeAttempts: 5,
  /** How often a step's finished result is offered to the store before the run is abandoned for later. */
  journalAttempts: 8,
  storeRetryFirst: Duration.millis(50),
  storeRetryLongest: Duration.seconds(2),

  /** A reservation that is not renewed for this long belongs to nobody, and is presumed spent. */
  reservationLease: Duration.seconds(60),
  /** How often the lease of a call that is under way is renewed: three times a lease, for an hour. */
  reservationRenew: Duration.seconds(20),
  reservationRenewals: 180,
  /** How often a worker looks for reservations that belong to nobody, and how many it closes at once. */
  reservationSweep: Duration.seconds(15),
  reservationSweepMax: 500,
  /** Callers that reserve at the same moment share one commit: at most so many of them, in so many commits at once. */
  reservationsTogether: 64,
  reservationCommits: 2,

  /** Escalations: how often notices that are due are looked for, how many are taken at once, and for how long. */
  noticePoll: Duration.seconds(2),
  noticesTogether: 20,
  noticeHold: Duration.seconds(60),
  /** When a notice that nobody answered is tried again. */
  noticeAgain: Duration.seconds(20),
  /** One call of the client manager, and the waits before it is called again. After them the order's own status has to do. */
  clientManagerCall: Duration.seconds(5),
  clientManagerDelays: [Duration.seconds(1), Duration.seconds(2), Duration.seconds(4)],
  clientManagerReplyBytesMax: 64 * 1024,
  /** How long somebody has to answer, by severity; each reminder doubles it. */
  acknowledge: {
    critical: Duration.minutes(15),
    high: Duration.hours(1),
    medium: Duration.hours(8),
    low: Duration.hours(24)
  },
  remindersMax: 3,
  /** How many of an escalation's orders its card shows, and how many escalations are listed. */
  escalationOrdersMax: 20,
  escalationsListMax: 100,
  /** Escalations that could not be stored wait in a file, at most so many of at most so many characters. */
  spooledMax: 10_000,
  spooledCharactersMax: 64 * 1024,

  /** Embedded PostgreSQL: making the data folder, starting (recovery from a crash included), stopping before it is made to. */
  postgresInit: Duration.minutes(2),
  postgresStart: Duration.minutes(1),
  postgresStop: Duration.seconds(20),
  /** How long another process may take that starts or stops the same server. */
  postgresFolderLock: Duration.minutes(4),
  /** How many files of a folder are copied at once. */
  postgresCopies: 16,
  /** How long postmaster.pid may be incomplete before it counts as broken; it is written in one go. */
  postgresPidFile: Duration.millis(250),
  postgresPoll: Duration.millis(10),
  /** How often a start is tried because the port was taken meanwhile, or remains of a killed server still end. */
  postgresStartAttempts: 10,
  postgresStartPause: Duration.millis(200),
  /** What is kept of a helper program's output, and shown of the server's log. */
  postgresOutputCharactersMax: 16 * 1024,
  /** How long a migration waits for any lock, that of another process's migration included. */
  migrationLock: Duration.minutes(2),

  /** The longest an order may take, its waits included, counted from when it was submitted. */
  orderDeadline: Duration.hours(24),
  /** How many failures that its own work caused an order may meet in one run: after the last, nothing more is tried. */
  orderAttempts: 6,
  /** How often a pull request that no order has recorded is looked up again: in all shorter than GitHub waits for a webhook's answer. */
  pullRequestLookups: [
    Duration.millis(250),
    Duration.millis(500),
    Duration.seconds(1),
    Duration.seconds(2),
    Duration.seconds(4)
  ],
  /** How often orders that do not get on are looked for, how many are told of at once, and how much later than the step's own limit. */
  stuckWatch: Duration.minutes(1),
  stuckOrdersTogether: 50,
  stuckGrace: Duration.minutes(2),
  /** An order that is older than this, counted from when its deadline counts, is told of whatever it does. */
  stuckAge: Duration.hours(24),
  /** How often the database is compared with git, the forge and the ledger, and one such pass in all. */
  reconcile: Duration.minutes(10),
  reconcilePass: Duration.minutes(9),
  /** How many orders that hold something are compared in one pass, those that were compared the longest ago first. */
  reconcileOrdersMax: 200,
  /** How many things one pass deletes at most: when it would be more, the books are more likely wrong than the world. */
  reconcileDeletionsMax: 50,
  /** How long nobody may be at an order whose run has not ended before what it left on this machine is removed. */
  reconcileLeftAfter: Duration.minutes(30),
  /** How many projects are looked at, and orders repaired, at once. */
  reconcileAtOnce: 4,
  /** For how long whoever repairs an order keeps workers from beginning with it: longer than one of its removals takes. */
  repairHold: Duration.minutes(8),
  /** How many worktrees, instruction files, branches and quarantined commits of this machine are looked at. */
  premisesMax: 10_000,
  /** How long the commits of a removed branch are kept, and how many are let go of in one pass. */
  quarantineKept: Duration.days(30),
  quarantinePurgeMax: 500,
  /** How long an order waits for a dependency that says nothing of its own: this, doubling, up to the longest. */
  parkFirst: Duration.seconds(30),
  parkLongest: Duration.minutes(10),
  /** How long an order that probes a dependency is believed to be trying. */
  probe: Duration.minutes(10),
  /** How often a model is shown what was wrong with its answer, or asked for less, before the next one is asked. */
  repairRoundsMax: 2,
  /** One of a project's checks, unless the project says otherwise. */
  check: Duration.minutes(10),
  /** A project's checks: what is kept of their output. */
  checkLogBytesMax: 64 * 1024,
  checkLogShownCharactersMax: 8_000,
  /** What must be free where worktrees are made, before anything is paid for. */
  diskFreeBytesMin: 256 * 1024 * 1024,
  /** A circuit opens after so many failures in a row, and lets a probe through after this. */
  circuitFailures: 5,
  circuitOpen: Duration.seconds(30),
  /** It stays open for twice as long each time, up to this; or for as long as the other side asks, up to that. */
  circuitOpenLongest: Duration.minutes(10),
  circuitAskedLongest: Duration.hours(1),
  /** Calls of one dependency that one process makes at once. */
  callsAtOnce: 16,
  managerCall: Duration.seconds(10),
  /** The longest answer of a manager that is read. */
  managerReplyBytesMax: 256 * 1024,
  /** How long the remote and the forge may take to say that an order's work can be done. */
  preflightCall: Duration.seconds(5),

  /** How often a person's view of an order is refreshed, and the longest a command looks on. */
  progressPoll: Duration.millis(100),
  follow: Duration.hours(4),
  /** How long an interrupted command waits for the order's clean-up. */
  cancelled: Duration.seconds(60),
  timelinePageMax: 500,
  /** The longest line that `moose classify` reads, and how much it keeps of a pasted text: its beginning and its end. */
  classifyLineCharactersMax: 1024 * 1024,
  pastedCharactersMax: 1024 * 1024,
  /** How many failures, decisions and waits of a run `moose explain` is told, the newest. */
  explainedRowsMax: 200,
  /** How many kinds of failures `moose errors` lists, and how many of the orders that met each. */
  errorGroupsMax: 100,
  errorOrdersMax: 5
} as const
