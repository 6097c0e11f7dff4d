import { Effect, Semaphore, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import { Limits } from "../../domain/policies/Limits.ts"

/** What git and ssh need to find their settings and the way out; everything else may be a secret. */
const passedOn = [
  "PATH",
  "HOME",
  "USER",
  "TMPDIR",
  "XDG_CONFIG_HOME",
  "SSH_AUTH_SOCK",
  "GIT_SSH_COMMAND",
  "SSL_CERT_FILE",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy"
]

/** The environment of the forge's git processes: no prompts, untranslated messages, no secrets. */
export const gitEnvironment = (more: Record<string, string> = {}): Record<string, string | undefined> => ({
  ...Object.fromEntries(passedOn.map((name) => [name, process.env[name]])),
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  ...more
})

interface Command {
  readonly args: readonly [subcommand: string, ...rest: ReadonlyArray<string>]
  /** The repository it runs in. */
  readonly directory?: string
  readonly outputBytesMax?: number
  /** May it leave this machine? */
  readonly network?: boolean
  /** Exit codes that are an answer, not a failure. */
  readonly answers?: ReadonlyArray<number>
}

/** Who the forge's own merge commits are by. */
const identity = {
  GIT_AUTHOR_NAME: "local forge",
  GIT_AUTHOR_EMAIL: "forge@localhost",
  GIT_COMMITTER_NAME: "local forge",
  GIT_COMMITTER_EMAIL: "forge@localhost"
}

/** Words without the name and password of an address in them, however git prints it. */
const withoutCredentials = (words: string, address: string): string => {
  const credentials = /:\/\/([^/@\s]+)@/.exec(address)?.[1]
  return credentials === undefined ? words : words.replaceAll(credentials, "[redacted]")
}

/** Collects at most `bytesMax` and reads the rest away, so that the process never blocks on a full pipe. */
const collect = <E>(stream: Stream.Stream<Uint8Array, E>, bytesMax: number) => {
  const decoder = new TextDecoder()
  return Stream.runFold(
    stream,
    () => ({ text: "", bytes: 0, cut: false }),
    (kept, chunk) => {
      const room = bytesMax - kept.bytes
      const part = chunk.subarray(0, Math.max(room, 0))
      return {
        text: kept.text + decoder.decode(part, { stream: true }),
        bytes: kept.bytes + part.length,
        cut: kept.cut || chunk.length > room
      }
    }
  )
}

/**
 * Runs git for the forge: bounded in time, output and number of processes. An exit code that is no answer
 * is ForgeFailed, with what git said.
 */
export const make = Effect.gen(function* () {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const slots = yield* Semaphore.make(Limits.forgeGitProcesses)

  return Effect.fnUntraced(function* (command: Command) {
    const operation = `local forge: git ${command.args[0]}`
    const place = command.directory === undefined ? [] : ["-C", command.directory]
    const fail = (words: string, exitCode?: number) => {
      const excerpt = command.args.reduce(withoutCredentials, words)
      const code = exitCode === undefined ? {} : { exitCode }
      return new ForgeFailed({ evidence: Evidence.make({ operation, excerpt, ...code }) })
    }
    const limit = command.network === true ? Limits.gitRemote : Limits.gitLocal
    const run = Effect.gen(function* () {
      const handle = yield* spawner.spawn(
        ChildProcess.make("git", [...place, ...command.args], {
          env: gitEnvironment(identity),
          stdin: "ignore",
          forceKillAfter: Limits.forgeGrace,
          // ssh and other helpers are stopped with their group; plain git stops its own children, and a
          // group is waited for even when only zombies are left in it.
          detached: command.network === true
        })
      )
      const [stdout, stderr, exitCode] = yield* Effect.all(
        [
          collect(handle.stdout, command.outputBytesMax ?? Limits.gitOutputBytesMax),
          collect(handle.stderr, Limits.forgeBodyBytesMax),
          handle.exitCode
        ],
        { concurrency: "unbounded" }
      )
      return { stdout: stdout.text, cut: stdout.cut, stderr: stderr.text, exitCode: Number(exitCode) }
    })
    const answer = yield* run.pipe(
      Effect.scoped,
      Effect.mapError((cause) => fail(cause.message)),
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () => Effect.fail(fail("git did not end in time and was stopped"))
      }),
      slots.withPermit
    )
    if (!(command.answers ?? [0]).includes(answer.exitCode)) {
      return yield* fail(answer.stderr, answer.exitCode)
    }
    return answer
  })
})
