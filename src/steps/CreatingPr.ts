import { Effect, Option, Schema } from "effect"
import { forgeOf, remoteOf } from "../domain/Dependency.ts"
import type { Change } from "../domain/Change.ts"
import {
  HeadMoved,
  PullRequestEnded,
  PullRequestError,
  PullRequestUnverified
} from "../domain/errors/PullRequestError.ts"
import { Sha } from "../domain/Ids.ts"
import type { Proposal } from "../domain/Proposal.ts"
import { PullRequest } from "../domain/PullRequest.ts"
import type { Resource } from "../domain/Resource.ts"
import { whileHeld } from "../services/Claim.ts"
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
const readClosed = Schema.decodeUnknownOption(Schema.Struct({ closed: Schema.Int }))

/** The commits that this order itself left on its remote branch, as earlier attempts recorded it. */
const recordedHeads = (rows: ReadonlyArray<Resource>, branch: string) =>
  rows
    .filter(({ kind, name }) => kind === "remote_branch" && name === branch)
    .flatMap(({ evidence }) => Option.toArray(readHead(evidence)))
    .map(({ sha }) => sha)

/**
 * What a person has made of the pull request of an earlier attempt: merged work is not done again, and what somebody
 * closed is not opened a second time. One that was merged as it would be pushed now is the order's, and all of it.
 */
const merged = Effect.fnUntraced(function* (rows: ReadonlyArray<Resource>, { branch, headSha }: Change) {
  const ours = rows.filter(({ kind }) => kind === "pull_request")
  if (ours.length === 0) return null
  const { project } = yield* StepContext
  const github = yield* GitHub
  const all = yield* github.findPullRequests({ repository: project.repository.forge, branch, state: "all" })
  // What Moose itself closed, because the order was cancelled, nobody has decided about.
  const closed = ours.flatMap(({ evidence }) => Option.toArray(readClosed(evidence))).map((it) => it.closed)
  const ended = all.find(({ number, state }) => state === "closed" && !closed.includes(number))
  if (ended === undefined || all.some(({ state }) => state === "open")) return null
  if (ended.merged && ended.head.sha === headSha) return ended
  return yield* new PullRequestEnded({ number: ended.number, merged: ended.merged })
})

/** Brings the change to the remote, unless it is there already, and reads the branch back. */
const publish = Effect.fnUntraced(function* (change: Change, rows: ReadonlyArray<Resource>) {
  const { order, project } = yield* StepContext
  const workspace = yield* Workspace
  const { baseBranch } = order
  const { branch, headSha } = change
  const found = yield* workspace.remoteHead({ project, branch })
  if (found !== headSha) {
    const ours = recordedHeads(rows, branch)
    if (found !== null && !ours.includes(found)) {
      return yield* new HeadMoved({ branch, expected: ours.at(-1) ?? null, found })
    }
    yield* whileHeld(workspace.push({ project, baseBranch, change, expected: found })).pipe(
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
    Option.match({ onSome: Effect.succeed, onNone: () => whileHeld(create) })
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
    const { at, project } = yield* StepContext
    if (project.mode === "shadow") return null

    const resources = yield* Resources
    const { change } = publication
    const { branch } = change
    const rows = yield* resources.list({ workOrderId: at.workOrderId })
    const done = yield* merged(rows, change)
    if (done !== null) {
      yield* record({ _tag: "PullRequestOpened", number: done.number, url: done.url })
      return done
    }
    const remoteBranch = yield* Acquire.intend("remote_branch", branch)
    yield* Acquire.kept(remoteBranch, publish(change, rows), (sha) => ({ sha }))

    const intended = yield* Acquire.intend("pull_request", branch)
    const pullRequest = yield* Acquire.kept(intended, open(publication), ({ number, url }) => ({
      number,
      url
    }))
    yield* record({ _tag: "PullRequestOpened", number: pullRequest.number, url: pullRequest.url })
    return pullRequest
  })
})
