import { Duration, Effect, Path, Redacted, Schedule } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { GitFailed, TimedOut } from "../../domain/errors/Reasons.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { type GitEnd, type LocalReason, gitFailed, localReason } from "./Failures.ts"
import type { Environment, GitOptions } from "./Address.ts"
import * as Subprocess from "../Subprocess.ts"

/** How git is invoked: which configuration it sees, with which environment, and within which bounds. */

/** One git command. */
export interface Invocation {
  /** The command and its arguments: `["update-ref", "-d", ref]`. */
  readonly args: ReadonlyArray<string>
  readonly directory: string
  /** `key=value`, for this command only. */
  readonly settings?: ReadonlyArray<string> | undefined
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  readonly stdin?: string | undefined
}

/** How a command ended, and what it printed. */
export interface GitOutput extends GitEnd {
  readonly stdout: Uint8Array
}

/** Settings that win over every configuration file. */
const settings = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  // Their defaults lie in the user's home, also when no configuration file is read.
  "core.excludesFile=/dev/null",
  "core.attributesFile=/dev/null",
  "protocol.ext.allow=never",
  "submodule.recurse=false",
  // Clean-up in the background would outlive the command and take locks.
  "gc.auto=0",
  "maintenance.auto=false",
  "safe.bareRepository=all"
]

const everyCommand = {
  LC_ALL: "C",
  LANGUAGE: "",
  GIT_TERMINAL_PROMPT: "0",
  // Empty, not absent: absent would let git look for another program to ask with.
  GIT_ASKPASS: "",
  SSH_ASKPASS: "",
  SSH_ASKPASS_REQUIRE: "never",
  GIT_PAGER: "cat",
  GIT_EDITOR: ":",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_LITERAL_PATHSPECS: "1"
}

const isolated = { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_ATTR_NOSYSTEM: "1" }

/** Where the user's configuration and credential stores are found. */
const ofTheUser = [
  "USER",
  "LOGNAME",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "GIT_CONFIG_NOSYSTEM",
  "GIT_SSH",
  "GIT_SSH_COMMAND"
]

/** "git worktree add", "git fetch": what is shown of a command. */
const operationOf = (args: ReadonlyArray<string>): string =>
  ["git", ...args.slice(0, args[0] === "worktree" ? 2 : 1)].join(" ")

/** Refuses a name before git sees it. `problem` is why, or undefined when there is none. */
export const refuse = (
  operation: string,
  what: string,
  name: string,
  problem: string | undefined
): Effect.Effect<void, GitFailed> =>
  problem === undefined
    ? Effect.void
    : Effect.fail(gitFailed(operation, `${what} ${JSON.stringify(name)} was refused: ${problem}`))

/** Ways to run git, bound to the spawner and the options of one layer. */
export const make = Effect.fnUntraced(function* (options: GitOptions) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const path = yield* Path.Path
  const timeouts = options.timeouts ?? { local: Limits.gitLocal, remote: Limits.gitRemote }

  const run = Effect.fnUntraced(function* (
    invocation: Invocation,
    timeout: Duration.Duration,
    env: Environment
  ): Effect.fn.Return<GitOutput, GitFailed | TimedOut> {
    const operation = operationOf(invocation.args)
    const ended = yield* Subprocess.run({
      command: "git",
      args: [
        "--no-pager",
        ...[...settings, ...(invocation.settings ?? [])].flatMap((setting) => ["-c", setting]),
        ...invocation.args
      ],
      cwd: invocation.directory,
      env: { ...everyCommand, ...env, ...invocation.env },
      stdin: invocation.stdin,
      timeout,
      outputBytesMax: Limits.gitOutputBytesMax
    }).pipe(
      Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner),
      Effect.catchTags({
        SubprocessMissing: (error) => Effect.fail(gitFailed(operation, error.message)),
        SubprocessFailed: (error) =>
          Effect.fail(
            new GitFailed({
              evidence: Evidence.make({ operation, excerpt: error.message, cause: error.cause })
            })
          ),
        SubprocessTimedOut: (error) => Effect.fail(new TimedOut({ operation, limitMs: error.limitMs }))
      })
    )
    if (ended.truncated.stdout) {
      return yield* Effect.fail(
        gitFailed(operation, `git printed more than the ${Limits.gitOutputBytesMax} bytes that are kept`)
      )
    }
    return { ...ended, operation }
  })

  /** Runs git on this machine's repositories: it sees no configuration but the repository's own. Any exit code is an answer. */
  const ask = (invocation: Invocation) =>
    run(invocation, timeouts.local, {
      ...isolated,
      // A worktree whose `.git` is gone must not turn into the repository around it.
      GIT_CEILING_DIRECTORIES: path.dirname(invocation.directory)
    })

  const retryLocked = {
    while: (error: { readonly _tag: string }) => error._tag === "RepositoryLocked",
    schedule: Schedule.jittered(Schedule.exponential(Limits.gitLockRetryFirst)),
    times: Limits.gitLockAttempts - 1
  }

  /** Like `ask`, but any exit code except 0 is a failure, and a held lock is waited for. */
  const local = (invocation: Invocation): Effect.Effect<GitOutput, LocalReason> =>
    ask(invocation).pipe(
      Effect.flatMap((output) =>
        output.exitCode === 0
          ? Effect.succeed(output)
          : Effect.fail(localReason(output, invocation.directory))
      ),
      Effect.retry(retryLocked)
    )

  const userEnvironment = (): Environment =>
    Object.fromEntries(
      ofTheUser.flatMap((name) => {
        const value = process.env[name]
        return value === undefined ? [] : [[name, value]]
      })
    )

  /** Runs git with the user's own configuration, to ask about the user's own checkout. Any exit code is an answer. */
  const askAsUser = (invocation: Invocation) => run(invocation, timeouts.local, userEnvironment())

  /** ssh must never ask; a user who chose another ssh, in the environment or in git's configuration, keeps it. */
  const sshEnvironment = Effect.gen(function* () {
    if (process.env["GIT_SSH_COMMAND"] !== undefined) return {}
    const chosen = yield* askAsUser({ args: ["config", "--get", "core.sshCommand"], directory: "/" })
    return chosen.exitCode === 0 ? {} : { GIT_SSH_COMMAND: "ssh -o BatchMode=yes" }
  })

  /** Runs git with a remote: the user's configuration, credential helpers and ssh apply, prompts do not. Any exit code is an answer. */
  const askRemote = Effect.fnUntraced(function* (invocation: Invocation) {
    const ssh = yield* sshEnvironment
    return yield* run(invocation, timeouts.remote, {
      ...Subprocess.networkEnvironment(),
      ...userEnvironment(),
      ...ssh,
      GIT_CEILING_DIRECTORIES: path.dirname(invocation.directory)
    })
  })

  return { ask, local, askAsUser, askRemote, retryLocked }
})

/** Ways to run git. */
export type GitCommand = Effect.Success<ReturnType<typeof make>>
