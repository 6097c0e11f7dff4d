import { Effect, FileSystem, Path } from "effect"
import { HeadMoved } from "../../domain/errors/PullRequestError.ts"
import { BaseBranchMissing, RepositoryMissing } from "../../domain/errors/Reasons.ts"
import type { Input } from "../../services/Contract.ts"
import type { GitContract } from "../../services/Git.ts"
import { type GitCommand, type GitOutput, refuse } from "./Command.ts"
import { type RemoteReason, fileReason, gitFailed, localReason, remoteReason } from "./Failures.ts"
import { isAccepted, pushReason, refAnswer } from "./PushFailures.ts"
import { type GitOptions, addressed } from "./Address.ts"
import { branchProblem, isPath, remoteUrlProblem, shown } from "./Names.ts"
import { shaFrom } from "./Objects.ts"
import type { KeyedLock } from "./KeyedLock.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { text } from "../Subprocess.ts"

/** What git does with other machines: ask, fetch and push, always with an address, never with a configured remote. */

type In<M extends keyof typeof GitContract> = Input<typeof GitContract, M>

/** For commands that need no repository. */
const nowhere = "/"

/** The methods of `Git` that talk to a remote. */
export const make = Effect.fnUntraced(function* (git: GitCommand, alone: KeyedLock, options: GitOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const checked = Effect.fnUntraced(function* (operation: string, remoteUrl: string, branch?: string) {
    yield* refuse(operation, "The address", shown(remoteUrl), remoteUrlProblem(remoteUrl))
    if (branch !== undefined) yield* refuse(operation, "The branch name", branch, branchProblem(branch))
    return addressed(remoteUrl, options.authorization)
  })

  /** The lines that the remote answers, each split at its tab. */
  const lsRemote = Effect.fnUntraced(function* (remoteUrl: string, flag: string, name: string) {
    const { url, env } = yield* checked("git ls-remote", remoteUrl)
    const args = ["ls-remote", "--quiet", flag, "--", url, name]
    const output = yield* git.askRemote({ args, directory: nowhere, env })
    if (output.exitCode !== 0) {
      return yield* Effect.fail(remoteReason(output, { path: nowhere, remoteUrl }))
    }
    return text(output.stdout)
      .split("\n")
      .map((line) => line.split("\t"))
  })

  const defaultBranch = Effect.fn("Git.defaultBranch")(function* ({ remoteUrl }: In<"defaultBranch">) {
    const lines = yield* lsRemote(remoteUrl, "--symref", "HEAD")
    const target = lines.find(([value, name]) => name === "HEAD" && value?.startsWith("ref: refs/heads/"))
    return target?.[0]?.slice("ref: refs/heads/".length) ?? null
  })

  const remoteHead = Effect.fn("Git.remoteHead")(function* ({ remoteUrl, branch }: In<"remoteHead">) {
    yield* checked("git ls-remote", remoteUrl, branch)
    const ref = `refs/heads/${branch}`
    // The remote also answers refs that merely end in this name.
    const found = (yield* lsRemote(remoteUrl, "--refs", ref)).find(([, name]) => name === ref)
    return found === undefined ? null : yield* shaFrom("git ls-remote", found[0] ?? "")
  })

  const remoteBranches = Effect.fn("Git.remoteBranches")(function* ({
    remoteUrl,
    prefix
  }: In<"remoteBranches">) {
    yield* checked("git ls-remote", remoteUrl, `${prefix}x`)
    const start = "refs/heads/"
    const found = (yield* lsRemote(remoteUrl, "--refs", `${start}${prefix}*`)).flatMap(
      ([name = "", ref = ""]) =>
        ref.startsWith(`${start}${prefix}`) ? [{ branch: ref.slice(start.length), name }] : []
    )
    return yield* Effect.forEach(found, ({ branch, name }) =>
      Effect.map(shaFrom("git ls-remote", name), (sha) => ({ branch, sha }))
    )
  })

  const fetch = Effect.fnUntraced(function* (input: In<"fetchBranch">, ref: string) {
    const { directory, remoteUrl, branch } = input
    const { url, env } = yield* checked("git fetch", remoteUrl, branch)
    const args = [
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      "--no-prune",
      "--no-prune-tags",
      "--",
      url,
      `+refs/heads/${branch}:${ref}`
    ]
    return yield* git.askRemote({ args, directory, env }).pipe(
      Effect.flatMap((output): Effect.Effect<void, RemoteReason> =>
        output.exitCode === 0
          ? Effect.void
          : Effect.fail(remoteReason(output, { path: directory, remoteUrl }))
      ),
      Effect.retry(git.retryLocked)
    )
  })

  const fetchBranch = Effect.fn("Git.fetchBranch")(
    function* (input: In<"fetchBranch">) {
      const { directory, remoteUrl, branch } = input
      const ref = `refs/remotes/origin/${branch}`
      yield* fetch(input, ref).pipe(
        // A missing branch is told from other failures by asking for it, not by what fetch says.
        Effect.catchTag("GitFailed", (failed) =>
          Effect.flatMap(remoteHead({ remoteUrl, branch }), (found) =>
            Effect.fail(
              found === null ? new BaseBranchMissing({ repository: shown(remoteUrl), branch }) : failed
            )
          )
        )
      )
      const args = ["rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`]
      const { operation, stdout } = yield* git.local({ args, directory })
      return yield* shaFrom(operation, text(stdout))
    },
    (effect, { directory }) => alone(`${directory} fetch`, effect)
  )

  /** The branch is not where it was expected, unless the remote already has our commit: a push whose answer was lost. */
  const moved = Effect.fnUntraced(function* ({ remoteUrl, branch, expected, sha }: In<"push">) {
    const found = yield* Effect.orElseSucceed(remoteHead({ remoteUrl, branch }), () => null)
    if (found !== sha) return yield* Effect.fail(new HeadMoved({ branch, expected, found }))
  })

  const push = Effect.fn("Git.push")(function* (input: In<"push">) {
    const { directory, remoteUrl, sha, branch, expected } = input
    const { url, env } = yield* checked("git push", remoteUrl, branch)
    const ref = `refs/heads/${branch}`
    // Without it the remote would see the connection break, and so would we.
    yield* git.local({ args: ["cat-file", "-e", `${sha}^{commit}`], directory })
    const args = [
      "push",
      "--porcelain",
      "--no-verify",
      "--no-follow-tags",
      "--no-signed",
      "--no-recurse-submodules",
      // An empty expectation means: must not exist.
      `--force-with-lease=${ref}:${expected ?? ""}`,
      "--",
      url,
      `${sha}:${ref}`
    ]
    const output: GitOutput = yield* git.askRemote({ args, directory, env })
    const answer = refAnswer(text(output.stdout), ref)
    const place = { path: directory, remoteUrl, branch }
    if (output.exitCode === 0) {
      if (answer !== undefined && isAccepted(answer)) return
      const what = answer === undefined ? "did not mention the branch" : `answered: ${answer.summary}`
      return yield* Effect.fail(gitFailed(output.operation, `git ended well, but the remote ${what}`))
    }
    const refused = answer === undefined || isAccepted(answer) ? undefined : answer
    const reason = pushReason(output, place, refused)
    return yield* reason === undefined ? moved(input) : Effect.fail(reason)
  })

  const ask = Effect.fnUntraced(function* (directory: string, args: ReadonlyArray<string>) {
    const output = yield* git.askAsUser({ args, directory })
    return output.exitCode === 0
      ? text(output.stdout).replace(/\n$/, "")
      : yield* Effect.fail(localReason(output, directory))
  })

  const remoteUrl = Effect.fn("Git.remoteUrl")(function* ({ directory }: In<"remoteUrl">) {
    const operation = "git rev-parse"
    const missing = (excerpt: string) =>
      new RepositoryMissing({
        repository: directory,
        evidence: Evidence.make({ operation, excerpt })
      })
    const exists = yield* Effect.mapError(fs.exists(directory), (error) =>
      fileReason(operation, directory, error)
    )
    if (!exists) return yield* Effect.fail(missing("there is no such folder"))
    const found = yield* git.askAsUser({ args: ["rev-parse", "--absolute-git-dir"], directory })
    if (found.exitCode !== 0) return yield* Effect.fail(missing(found.stderr))
    const remotes = (yield* ask(directory, ["remote"])).split("\n").filter((name) => name !== "")
    const remote = remotes.includes("origin") ? "origin" : remotes.length === 1 ? remotes[0] : undefined
    if (remote === undefined) return null
    const url = yield* ask(directory, ["remote", "get-url", "--", remote])
    if (!isPath(url)) return url
    // A path begins at the top of the checkout, or at the repository itself where it is bare.
    const top = yield* git.askAsUser({ args: ["rev-parse", "--show-toplevel"], directory })
    return path.resolve(text(top.exitCode === 0 ? top.stdout : found.stdout).replace(/\n$/, ""), url)
  })

  return { defaultBranch, remoteHead, remoteBranches, fetchBranch, push, remoteUrl }
})
