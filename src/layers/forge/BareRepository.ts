import { Effect, Schema } from "effect"
import { Sha } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { failed, failedTo } from "./Failed.ts"
import * as GitRunner from "./GitRunner.ts"

/** Where a repository is: a folder of this machine, or anything else that git can read from. */
export type Location = { readonly kind: "path" | "url"; readonly address: string }

/** What a repository shows of itself: the branch its HEAD names, and its branches' tips by full name. */
export interface Refs {
  readonly head: string | null
  readonly tips: ReadonlyMap<string, Sha>
}

/** How much a change is. */
export interface Size {
  readonly commits: number
  readonly changedFiles: number
  readonly additions: number
  readonly deletions: number
}

const isSha = Schema.is(Sha)
const decodeSha = Schema.decodeEffect(Sha)

/** The few questions the local forge asks git. What git cannot answer is ForgeFailed. */
export const make = Effect.gen(function* () {
  const git = yield* GitRunner.make

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
    const size: Size = { commits, changedFiles: lines.length, additions: sum(0), deletions: sum(1) }
    return size
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
