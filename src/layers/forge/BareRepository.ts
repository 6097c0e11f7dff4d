import { Effect, Schema, Semaphore, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import { Sha } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { failed, failedTo } from "./Failed.ts"

/** Where a repository is: a folder of this machine, or anything else that git can read from. */
export type Location = { readonly kind: "path" | "url"; readonly address: string }

/** What a repository shows of itself: the branch its HEAD names, and its branches' tips by full name. */
export interface Refs {
  readonly head: string | null
  readonly tips: ReadonlyMap<string, Sha>
}

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

const isSha = Schema.is(Sha)
const decodeSha = Schema.decodeEffect(Sha)

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

/** The few questions the local forge asks git. Every answer is bounded in time and size; all else is ForgeFailed. */
export const make = Effect.gen(function* () {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const slots = yield* Semaphore.make(Limits.forgeGitProcesses)

  const git = Effect.fnUntraced(function* (command: Command) {
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

  /** Makes a bare repository, or leaves the one that is there. */
  const init = Effect.fn("BareRepository.init")((directory: string, defaultBranch: string) =>
    git({
      args: ["init", "--quiet", "--bare", "--template=", `--initial-branch=${defaultBranch}`, "--", directory]
    })
  )

  /** Branches as they are now, asked the same way of a folder and of a server. */
  const refs = Effect.fn("BareRepository.refs")(function* (location: Location) {
    const { stdout, cut } = yield* git({
      args: ["ls-remote", "--symref", "--", location.address, "HEAD", "refs/heads/*"],
      network: location.kind === "url"
    })
    if (cut) {
      return yield* failed("git ls-remote", `more than ${Limits.gitOutputBytesMax} bytes of branches`)
    }
    const tips = new Map<string, Sha>()
    let head: string | null = null
    for (const line of stdout.split("\n")) {
      const [value = "", name = ""] = line.split("\t")
      if (name === "HEAD" && value.startsWith("ref: refs/heads/"))
        head = value.slice("ref: refs/heads/".length)
      if (name.startsWith("refs/heads/") && isSha(value)) tips.set(name, value)
    }
    const found: Refs = { head, tips }
    return found
  })

  /** How many commits `head` has that `base` has not. */
  const aheadBy = Effect.fn("BareRepository.aheadBy")(function* (directory: string, base: Sha, head: Sha) {
    const { stdout } = yield* git({ directory, args: ["rev-list", "--count", `${base}..${head}`, "--"] })
    return Number.parseInt(stdout, 10)
  })

  /** What `head` changes since it left `base`, cut at `Limits.forgeDiffBytesMax`. */
  const diff = Effect.fn("BareRepository.diff")(function* (directory: string, base: Sha, head: Sha) {
    const { stdout, cut } = yield* git({
      directory,
      args: ["diff", "--no-color", "--no-ext-diff", "--no-textconv", `${base}...${head}`, "--"],
      outputBytesMax: Limits.forgeDiffBytesMax
    })
    return { text: stdout, cut }
  })

  /** How much a pull request is: commits, files and lines. */
  const size = Effect.fn("BareRepository.size")(function* (directory: string, base: Sha, head: Sha) {
    const { stdout } = yield* git({
      directory,
      args: ["diff", "--no-ext-diff", "--no-textconv", "--numstat", `${base}...${head}`, "--"]
    })
    const lines = stdout.split("\n").filter((line) => line !== "")
    const sum = (column: number) =>
      lines.reduce((total, line) => total + (Number.parseInt(line.split("\t")[column] ?? "", 10) || 0), 0)
    const commits = yield* aheadBy(directory, base, head)
    return { commits, changedFiles: lines.length, additions: sum(0), deletions: sum(1) }
  })

  /**
   * Points a branch at a commit, or removes it (null), as a push would, so that the repository's own hooks
   * and rules decide. Answers null, or what git said when they refused.
   */
  const push = Effect.fn("BareRepository.push")(function* (directory: string, ref: string, sha: Sha | null) {
    const { exitCode, stderr } = yield* git({
      directory,
      args: ["push", "--quiet", "--no-verify", ".", `${sha ?? ""}:${ref}`],
      answers: [0, 1]
    })
    return exitCode === 0 ? null : stderr
  })

  /** A commit that joins `head` into `base`, not on any branch yet; null when they conflict. */
  const mergeCommit = Effect.fn("BareRepository.mergeCommit")(function* (input: {
    readonly directory: string
    readonly base: Sha
    readonly head: Sha
    readonly squash: boolean
    readonly message: string
  }) {
    const { directory } = input
    const merged = yield* git({
      directory,
      args: ["merge-tree", "--write-tree", "--no-messages", input.base, input.head],
      answers: [0, 1]
    })
    if (merged.exitCode === 1) return null
    const parents = input.squash ? ["-p", input.base] : ["-p", input.base, "-p", input.head]
    const committed = yield* git({
      directory,
      args: ["commit-tree", merged.stdout.trim(), ...parents, "-m", input.message]
    })
    return yield* Effect.mapError(decodeSha(committed.stdout.trim()), failedTo("git commit-tree"))
  })

  return { init, refs, aheadBy, size, diff, push, mergeCommit }
})

export type BareRepository = Effect.Success<typeof make>
