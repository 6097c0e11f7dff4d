import { Effect, Layer, Schema } from "effect"
import { BranchConflict } from "../../domain/errors/ApplyError.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { HeadMoved, NothingToMerge, PullRequestExists } from "../../domain/errors/PullRequestError.ts"
import { BaseBranchMissing, GitFailed, RepositoryMissing } from "../../domain/errors/Reasons.ts"
import { Change } from "../../domain/Change.ts"
import { Sha } from "../../domain/Ids.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { builtIn, find } from "../../domain/policies/PriceTable.ts"
import { Proposal } from "../../domain/Proposal.ts"
import { PullRequest } from "../../domain/PullRequest.ts"
import { type ModelChoice, Route } from "../../domain/Route.ts"
import { Checks } from "../../services/Checks.ts"
import { CodeEditor } from "../../services/CodeEditor.ts"
import type { Input } from "../../services/Contract.ts"
import { Git } from "../../services/Git.ts"
import { GitHub } from "../../services/GitHub.ts"
import { Manager } from "../../services/Manager.ts"
import { type ModelReply, Proposer } from "../../services/Proposer.ts"
import { premises } from "./Premises.ts"
import { Workspace, type WorkspaceContract } from "../../services/Workspace.ts"

/** The tip of `main` in every repository here, and the one commit that is ever made. */
export const baseSha = Sha.make("a".repeat(40))
export const headSha = Sha.make("b".repeat(40))

export const proposal = new Proposal({
  summary: "Round half up",
  edits: [{ _tag: "SearchReplace", path: "src/a.js", search: "floor", replace: "round" }],
  commitMessage: "Round half up",
  pullRequestTitle: "Round half up",
  pullRequestBody: "It rounded down."
})

/** A model's answer with that proposal. */
export const reply: ModelReply = {
  text: JSON.stringify(Schema.encodeSync(Proposal)(proposal)),
  finish: "stop",
  usage: { inputTokens: 1000, outputTokens: 100 }
}

const models: ReadonlyArray<ModelChoice> = ["gpt-5-mini", "gpt-5"].flatMap((name) => {
  const found = find(builtIn, "openai", name)
  return found._tag === "None" ? [] : [found.value]
})

export const route = new Route({ models, reason: "cheap first" })

const content = "Math.floor(total)\n"
const patch = "diff --git a/src/a.js b/src/a.js"
const evidence = (operation: string, excerpt: string) => Evidence.make({ operation, excerpt })

/** What is really there outside the database. A test compares it with what the store believes. */
export class Outside {
  readonly worktrees = new Set<string>()
  readonly instructions = new Set<string>()
  /** Of the mirror, by name. */
  readonly branches = new Map<string, Sha>()
  readonly quarantine = new Map<string, Sha>()
  /** Of the remote, by name. */
  readonly remote = new Map<string, Sha>([["main", baseSha]])
  readonly pullRequests: Array<PullRequest> = []
  /** What was said under pull requests. */
  readonly comments: Array<{ readonly number: number; readonly body: string }> = []
}

/** As git pushes: what is there already is there, whatever was expected. */
const push = (outside: Outside, branch: string, sha: Sha, expected: Sha | null) =>
  Effect.suspend(() => {
    const found = outside.remote.get(branch) ?? null
    if (found !== expected && found !== sha) return Effect.fail(new HeadMoved({ branch, expected, found }))
    outside.remote.set(branch, sha)
    return Effect.void
  })

type Attempt = Input<typeof WorkspaceContract, "locate">
const keyOf = ({ workOrderId, run }: Pick<Attempt, "workOrderId" | "run">) => `${workOrderId}-${run}`

const workspace = (outside: Outside) =>
  Layer.succeed(Workspace, {
    ready: () => Effect.succeed({ freeBytes: Limits.diskFreeBytesMin }),
    snapshot: ({ baseBranch, project }) =>
      Effect.suspend(() => {
        const tip = outside.remote.get(baseBranch)
        return tip === undefined
          ? Effect.fail(
              new BaseBranchMissing({ repository: project.repository.remoteUrl, branch: baseBranch })
            )
          : Effect.succeed({
              baseSha: tip,
              paths: ["src/a.js", "src/b.js"],
              files: [
                { path: "src/a.js", content },
                { path: "src/b.js", content: "export {}\n" }
              ]
            })
      }),
    locate: (attempt) =>
      Effect.succeed({
        worktree: `/worktrees/${keyOf(attempt)}`,
        instructions: `/instructions/${keyOf(attempt)}.md`
      }),
    openWorktree: (attempt) =>
      Effect.sync(() => {
        outside.worktrees.add(keyOf(attempt))
        return attempt.baseSha
      }),
    closeWorktree: (attempt) =>
      Effect.sync(() => {
        outside.worktrees.delete(keyOf(attempt))
        return true
      }),
    writeInstructions: (attempt) => Effect.sync(() => void outside.instructions.add(keyOf(attempt))),
    removeInstructions: (attempt) =>
      Effect.sync(() => {
        outside.instructions.delete(keyOf(attempt))
        return true
      }),
    commit: ({ branch, baseSha: from, message, committedAt }) =>
      Effect.suspend(() => {
        const found = outside.branches.get(branch)
        if (found !== undefined && found !== headSha)
          return Effect.fail(new BranchConflict({ branch, found }))
        outside.branches.set(branch, headSha)
        const made = {
          branch,
          baseSha: from,
          headSha,
          insertions: 1,
          deletions: 1,
          patch,
          message,
          committedAt
        }
        return Effect.succeed(new Change({ ...made, files: ["src/a.js"] }))
      }),
    remoteHead: ({ branch }) => Effect.sync(() => outside.remote.get(branch) ?? null),
    push: ({ change: { branch, headSha: sha }, expected }) => push(outside, branch, sha, expected),
    diff: () => Effect.succeed(patch),
    dropBranch: ({ branch, quarantine, ...attempt }) =>
      Effect.sync(() => {
        const tip = outside.branches.get(branch)
        if (tip === undefined) return quarantine ? (outside.quarantine.get(keyOf(attempt)) ?? null) : null
        if (quarantine) outside.quarantine.set(keyOf(attempt), tip)
        outside.branches.delete(branch)
        return tip
      })
  })

/** A pull request by its number, as the forge finds it. */
const findPull = (
  outside: Outside,
  operation: string,
  {
    number,
    repository: { owner, name }
  }: { readonly number: number; readonly repository: { readonly owner: string; readonly name: string } }
) =>
  Effect.suspend(() => {
    const found = outside.pullRequests.find((it) => it.number === number)
    return found === undefined
      ? Effect.fail(
          new RepositoryMissing({
            repository: `${owner}/${name}`,
            evidence: evidence(operation, `no pull request ${number}`)
          })
        )
      : Effect.succeed(found)
  })

const forge = (outside: Outside) =>
  Layer.succeed(GitHub, {
    getRepository: () => Effect.succeed({ defaultBranch: "main", canPush: true }),
    findPullRequests: ({ branch, state }) =>
      Effect.sync(() =>
        outside.pullRequests
          .filter((it) => it.head.branch === branch && (state === "all" || it.state === "open"))
          .toReversed()
      ),
    createPullRequest: Effect.fnUntraced(function* ({ branch, base, repository: { owner, name } }) {
      const sha = outside.remote.get(branch)
      const operation = "POST /repos/{owner}/{repo}/pulls"
      if (sha === undefined) {
        return yield* new NothingToMerge({ branch, evidence: evidence(operation, `no branch ${branch}`) })
      }
      if (outside.pullRequests.some((it) => it.state === "open" && it.head.branch === branch)) {
        return yield* new PullRequestExists({ branch, evidence: evidence(operation, "it exists already") })
      }
      const number = outside.pullRequests.length + 1
      const url = `https://forge.invalid/${owner}/${name}/pull/${number}`
      const head = { branch, sha }
      const made = new PullRequest({
        number,
        url,
        state: "open",
        merged: false,
        head,
        base: { branch: base }
      })
      outside.pullRequests.push(made)
      return made
    }),
    getPullRequest: (input) => findPull(outside, "GET /repos/{owner}/{repo}/pulls/{pull_number}", input),
    commentPullRequest: (input) =>
      Effect.map(
        findPull(outside, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", input),
        ({ number }) => void outside.comments.push({ number, body: input.body })
      ),
    closePullRequest: (input) =>
      Effect.map(findPull(outside, "PATCH /repos/{owner}/{repo}/pulls/{pull_number}", input), (found) => {
        const closed = new PullRequest({ ...found, state: "closed" })
        outside.pullRequests.splice(outside.pullRequests.indexOf(found), 1, closed)
        return closed
      })
  })

/** git without a repository: refs by folder, one commit, and the remote that the workspace has. */
const git = (outside: Outside) => {
  const refs = new Map<string, Map<string, Sha>>()
  const of = (directory: string) => {
    const known = refs.get(directory) ?? new Map<string, Sha>()
    refs.set(directory, known)
    return known
  }
  const messages = new Map<Sha, string>()
  const missing = (operation: string, what: string) =>
    new GitFailed({ evidence: Evidence.make({ operation, exitCode: 128, excerpt: `fatal: ${what}` }) })
  return Layer.succeed(Git, {
    version: () => Effect.succeed("2.50.0"),
    initBare: ({ directory }) => Effect.sync(() => void of(directory)),
    remoteUrl: () => Effect.succeed("https://forge.invalid/o/r.git"),
    defaultBranch: () => Effect.succeed("main"),
    fetchBranch: ({ directory, remoteUrl, branch }) =>
      Effect.suspend(() => {
        const tip = outside.remote.get(branch)
        if (tip === undefined) return Effect.fail(new BaseBranchMissing({ repository: remoteUrl, branch }))
        of(directory).set(`refs/remotes/origin/${branch}`, tip)
        return Effect.succeed(tip)
      }),
    remoteHead: ({ branch }) => Effect.sync(() => outside.remote.get(branch) ?? null),
    remoteBranches: ({ prefix }) =>
      Effect.sync(() =>
        [...outside.remote].flatMap(([branch, sha]) => (branch.startsWith(prefix) ? [{ branch, sha }] : []))
      ),
    push: ({ branch, sha, expected }) => push(outside, branch, sha, expected),
    listFiles: () => Effect.succeed(["src/a.js", "src/b.js"]),
    readFile: ({ path, bytesMax }) =>
      Effect.succeed(path === "src/a.js" && content.length <= bytesMax ? content : null),
    addWorktree: ({ directory, worktree, sha }) =>
      Effect.suspend(() => {
        if (![...of(directory).values()].includes(sha)) {
          return Effect.fail(missing("git worktree add", `invalid reference: ${sha}`))
        }
        of(worktree).set("HEAD", sha)
        return Effect.void
      }),
    removeWorktree: ({ worktree }) => Effect.sync(() => void refs.delete(worktree)),
    commitAll: ({ worktree, message }) =>
      Effect.sync(() => {
        // There is one commit, so that nothing differs once it is made.
        if (of(worktree).get("HEAD") === headSha) return null
        of(worktree).set("HEAD", headSha)
        messages.set(headSha, message)
        return headSha
      }),
    commitPatch: ({ message }) =>
      Effect.sync(() => {
        messages.set(headSha, message)
        return headSha
      }),
    holds: ({ directory, sha }) =>
      Effect.sync(() => messages.has(sha) || [...of(directory).values()].includes(sha)),
    listRefs: ({ directory, prefix }) =>
      Effect.sync(() =>
        [...of(directory)].flatMap(([ref, sha]) => (ref.startsWith(prefix) ? [{ ref, sha }] : [])).toSorted()
      ),
    diff: () => Effect.succeed({ files: ["src/a.js"], insertions: 1, deletions: 1, patch }),
    readRef: ({ directory, ref }) => Effect.sync(() => of(directory).get(ref) ?? null),
    writeRef: ({ directory, ref, sha }) =>
      Effect.sync(() => {
        if (sha === null) of(directory).delete(ref)
        else of(directory).set(ref, sha)
      }),
    trailer: ({ sha, key }) =>
      Effect.sync(() => {
        const lines = messages.get(sha)?.split("\n") ?? []
        return lines.find((line) => line.startsWith(`${key}: `))?.slice(key.length + 2) ?? null
      })
  })
}

/** Everything outside the database, doing well, for any number of orders: two models, an editor, a remote, a forge. */
export const layer = (outside: Outside) =>
  Layer.mergeAll(
    Layer.succeed(Manager, { route: () => Effect.succeed(route) }),
    Layer.succeed(Proposer, { ask: () => Effect.succeed(reply) }),
    Layer.succeed(Checks, { run: () => Effect.void }),
    Layer.succeed(CodeEditor, { ready: () => Effect.void, apply: () => Effect.succeed(["src/a.js"]) }),
    workspace(outside),
    premises(outside),
    forge(outside),
    git(outside)
  )
