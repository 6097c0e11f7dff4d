import { Effect, Option, Schema } from "effect"
import { forgeOf, remoteOf } from "../domain/Dependency.ts"
import type { Change } from "../domain/Change.ts"
import { HeadMoved, PullRequestError, PullRequestUnverified } from "../domain/errors/PullRequestError.ts"
import { Sha } from "../domain/Ids.ts"
import type { Proposal } from "../domain/Proposal.ts"
import { PullRequest } from "../domain/PullRequest.ts"
import { GitHub } from "../services/GitHub.ts"
import { Resources } from "../services/Resources.ts"
import { Workspace } from "../services/Workspace.ts"
import * as Acquire from "./Acquire.ts"
import * as Step from "./Step.ts"
import { type At, StepContext, record } from "./StepContext.ts"

export interface Publication {
  readonly proposal: Proposal
  readonly change: Change
}

const readHead = Schema.decodeUnknownOption(Schema.Struct({ sha: Sha }))

/** The commit that this order itself left on its remote branch, as an earlier run recorded it. */
const recordedHead = Effect.fnUntraced(function* (branch: string) {
  const { at } = yield* StepContext
  const resources = yield* Resources
  const rows = yield* resources.list({ workOrderId: at.workOrderId })
  return rows
    .filter(({ kind, name }) => kind === "remote_branch" && name === branch)
    .flatMap(({ evidence }) => Option.toArray(readHead(evidence)))
    .map(({ sha }) => sha)
})

/** Brings the change to the remote, unless it is there already, and reads the branch back. */
const publish = Effect.fnUntraced(function* (change: Change) {
  const { order, project } = yield* StepContext
  const workspace = yield* Workspace
  const { baseBranch } = order
  const { branch, headSha } = change
  const found = yield* workspace.remoteHead({ project, branch })
  if (found !== headSha) {
    const ours = yield* recordedHead(branch)
    if (found !== null && !ours.includes(found)) {
      return yield* new HeadMoved({ branch, expected: ours.at(-1) ?? null, found })
    }
    yield* workspace.push({ project, baseBranch, change, expected: found }).pipe(
      // A push whose reply was lost looks like any other failure. What the branch holds tells them apart; as long
      // as nobody can look, it is not known how the push ended, and the next attempt looks first.
      Effect.catch((reason) =>
        Effect.flatMap(workspace.remoteHead({ project, branch }), (head) =>
          head === headSha ? Effect.void : Effect.fail(reason)
        )
      )
    )
  }
  const head = yield* workspace.remoteHead({ project, branch })
  if (head !== headSha) {
    return yield* new PullRequestUnverified({
      expected: `${branch} at ${headSha}`,
      found: head ?? "no branch"
    })
  }
  return head
})

const body = ({ workOrderId, run }: At, proposal: Proposal) =>
  `${proposal.pullRequestBody.trim()}\n\n---\nWork order \`${workOrderId}\`, attempt ${run}.\n`

/** Finds the branch's open pull request or opens one, and reads it back. */
const open = Effect.fnUntraced(function* ({ proposal, change }: Publication) {
  const { at, order, project } = yield* StepContext
  const github = yield* GitHub
  const repository = project.repository.forge
  const { branch } = change
  const existing = Effect.map(github.findPullRequests({ repository, branch, state: "open" }), ([first]) =>
    Option.fromUndefinedOr(first)
  )
  const create = github.createPullRequest({
    repository,
    branch,
    base: order.baseBranch,
    title: proposal.pullRequestTitle,
    body: body(at, proposal)
  })
  const { number } = yield* Effect.flatMap(
    existing,
    Option.match({ onSome: Effect.succeed, onNone: () => create })
  ).pipe(
    // Ours, from a reply that was lost: the listing shows it now.
    Effect.catchTag("PullRequestExists", (error) =>
      Effect.flatMap(existing, Option.match({ onSome: Effect.succeed, onNone: () => Effect.fail(error) }))
    )
  )
  const pullRequest = yield* github.getPullRequest({ repository, number })
  if (pullRequest.head.sha !== change.headSha) {
    return yield* new PullRequestUnverified({
      expected: `pull request ${number} at ${change.headSha}`,
      found: pullRequest.head.sha
    })
  }
  return pullRequest
})

/** Pushes the change and opens its pull request. A project in shadow does neither: null. */
export const creatingPr = Step.builtIn({
  name: "creating_pr",
  output: Schema.NullOr(PullRequest),
  error: PullRequestError,
  fail: (fields) => new PullRequestError(fields),
  summary: (pullRequest) =>
    pullRequest === null
      ? "nothing is pushed: the project is in shadow"
      : `#${pullRequest.number} ${pullRequest.url}`,
  needs: (_publication: Publication, { project }) =>
    project.mode === "shadow" ? [] : [remoteOf(project), forgeOf(project)],
  run: Effect.fn("creating_pr")(function* (publication: Publication) {
    const { project } = yield* StepContext
    if (project.mode === "shadow") return null

    const { branch } = publication.change
    const remoteBranch = yield* Acquire.intend("remote_branch", branch)
    yield* Acquire.kept(remoteBranch, publish(publication.change), (sha) => ({ sha }))

    const intended = yield* Acquire.intend("pull_request", branch)
    const pullRequest = yield* Acquire.kept(intended, open(publication), ({ number, url }) => ({
      number,
      url
    }))
    yield* record({ _tag: "PullRequestOpened", number: pullRequest.number, url: pullRequest.url })
    return pullRequest
  })
})
