import { DateTime, Effect, Layer, Schema } from "effect"
import { WorkflowEngine } from "effect/workflow"
import { Change } from "../../src/domain/Change.ts"
import { ProjectMissing, WorkOrderMissing } from "../../src/domain/errors/Reasons.ts"
import type { Fact } from "../../src/domain/Fact.ts"
import { ProjectId, Run, Sha, WorkOrderId, branchName } from "../../src/domain/Ids.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { builtIn, find } from "../../src/domain/policies/PriceTable.ts"
import { Project } from "../../src/domain/Project.ts"
import { Proposal } from "../../src/domain/Proposal.ts"
import { PullRequest } from "../../src/domain/PullRequest.ts"
import { Resource } from "../../src/domain/Resource.ts"
import { Route } from "../../src/domain/Route.ts"
import { ReservationId, type SpendRule } from "../../src/domain/Spending.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder, WorkOrderView } from "../../src/domain/WorkOrder.ts"
import * as pipeline from "../../src/pipeline.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Checks } from "../../src/services/Checks.ts"
import { CodeEditor } from "../../src/services/CodeEditor.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { Incidents } from "../../src/services/Incidents.ts"
import { Manager } from "../../src/services/Manager.ts"
import { Projects } from "../../src/services/Projects.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { Resources } from "../../src/services/Resources.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as RetryBudget from "../../src/steps/RetryBudget.ts"

export const baseSha = Sha.make("a".repeat(40))
export const headSha = Sha.make("b".repeat(40))
export const at = { workOrderId: WorkOrderId.make("order-1"), run: Run.make(1) }
export const branch = branchName(at.workOrderId)

export const proposal = new Proposal({
  summary: "Round half up",
  edits: [{ _tag: "SearchReplace", path: "src/a.js", search: "floor", replace: "round" }],
  commitMessage: "Round half up",
  pullRequestTitle: "Round half up",
  pullRequestBody: "It rounded down."
})

const models = (...names: ReadonlyArray<string>) =>
  names.map((name) => {
    const found = find(builtIn, "openai", name)
    if (found._tag === "None") throw new Error(`no price for ${name}`)
    return found.value
  })

export const route = new Route({ models: models("gpt-5-mini", "gpt-5"), reason: "cheap first" })

export const project = new Project({
  id: ProjectId.make("sample"),
  repository: { remoteUrl: "https://forge.invalid/o/r.git", forge: { owner: "o", name: "r" } },
  baseBranch: "main",
  checks: [],
  limits: { dailyUsd: Usd.make(20_000_000), workOrderUsd: Usd.make(2_000_000) },
  concurrency: 4,
  timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
  mode: "on"
})

export const order = new WorkOrder({
  id: at.workOrderId,
  project: project.id,
  kind: "bug",
  title: "Totals lose cents",
  description: "They are rounded down.",
  acceptanceCriteria: [],
  filesInScope: [],
  baseBranch: "main",
  priority: 0,
  limits: {},
  metadata: {}
})

export const change = new Change({
  branch,
  baseSha,
  headSha,
  files: ["src/a.js"],
  insertions: 1,
  deletions: 1,
  patch: "diff --git a/src/a.js b/src/a.js",
  message: "Round half up",
  committedAt: 0
})

export const pullRequest = new PullRequest({
  number: 7,
  url: "https://forge.invalid/o/r/pull/7",
  state: "open",
  merged: false,
  head: { branch, sha: headSha },
  base: { branch: "main" }
})

export const reply = {
  text: JSON.stringify(Schema.encodeSync(Proposal)(proposal)),
  finish: "stop" as const,
  usage: { inputTokens: 1000, outputTokens: 100 }
}

/** What the doubles were asked, and what became of it. A test reads it after the run. */
export class World {
  readonly facts: Array<Fact> = []
  readonly calls: Array<string> = []
  readonly resources = new Map<string, Resource>()
  readonly reservations = new Map<string, "reserved" | "cancelled" | "presumed" | "settled">()
  /** What allowed each paid call. */
  readonly rules: Array<SpendRule> = []
  project = project
  order = order
  status: WorkOrderView["status"] = "routing"
  disposition: WorkOrderView["disposition"] = null
  remoteHead: Sha | null = null
  attemptsSpent = 0
  paused = false
  cancelling: WorkOrderView["cancelling"] = null

  readonly tags = () => this.facts.map(({ _tag }) => _tag)

  private readonly learn = (facts: ReadonlyArray<Fact>) => {
    for (const fact of facts) {
      this.facts.push(fact)
      if (fact._tag === "StatusMoved") {
        this.status = fact.to
        this.disposition = fact.disposition
      }
      const failed = fact._tag === "StepFailed" || fact._tag === "AttemptFailed"
      if (failed && fact.failure.blame === "task") this.attemptsSpent++
      if (fact._tag === "CostSettled") this.reservations.set(fact.reservation, "settled")
      if (fact._tag.startsWith("Resource") && "kind" in fact) {
        const key = `${fact.kind} ${fact.name}`
        const row = this.resources.get(key)
        const state =
          fact._tag === "ResourceHeld" ? "held" : fact._tag === "ResourceReleased" ? "released" : "preserved"
        if (row !== undefined) this.resources.set(key, new Resource({ ...row, state }))
      }
    }
  }

  private readonly called = <A>(name: string, value: A) =>
    Effect.sync(() => {
      this.calls.push(name)
      return value
    })

  /** The pipeline on these services. `overrides` replaces some. */
  readonly layer = <R>(overrides: Layer.Layer<R> | Layer.Layer<never> = Layer.empty) =>
    pipeline.layer.pipe(
      Layer.provideMerge(overrides),
      Layer.provideMerge(this.services()),
      // Not the process's, which other tests draw on.
      Layer.provideMerge(Layer.sync(RetryBudget.CurrentRetryBudget, RetryBudget.make)),
      Layer.provideMerge(WorkflowEngine.layerMemory)
    )

  /** The services, each doing well. */
  readonly services = () => {
    const journal = ({ facts }: { readonly facts: ReadonlyArray<Fact> }) =>
      Effect.sync(() => this.learn(facts))
    const view = Effect.sync(
      () =>
        new WorkOrderView({
          order: this.order,
          status: this.status,
          disposition: this.disposition,
          paused: this.paused,
          cancelling: this.cancelling,
          run: at.run,
          branch: null,
          baseSha: null,
          headSha: null,
          pullRequest: null,
          failure: null,
          cost: Usd.make(450),
          attemptsSpent: this.attemptsSpent,
          countsFrom: DateTime.makeUnsafe(0),
          steps: [],
          submittedAt: DateTime.makeUnsafe(0),
          updatedAt: DateTime.makeUnsafe(0)
        })
    )
    return Layer.mergeAll(
      Layer.mock(WorkOrders, {
        get: ({ id }) => (id === at.workOrderId ? view : Effect.fail(new WorkOrderMissing({ id }))),
        state: () =>
          Effect.sync(() => ({
            status: this.status,
            branch: null,
            baseSha: null,
            headSha: null,
            pullRequest: null,
            resources: [...this.resources.values()].filter(({ state }) => state !== "released"),
            reservations: [],
            spent: Usd.make(450)
          }))
      }),
      Layer.mock(Projects, {
        get: ({ id }) =>
          id === project.id ? Effect.sync(() => this.project) : Effect.fail(new ProjectMissing({ id }))
      }),
      Layer.succeed(StepJournal, { append: journal, commit: journal }),
      Layer.succeed(Resources, {
        intend: ({ resources, ...owner }) =>
          Effect.sync(() => {
            for (const { kind, name } of resources) {
              this.resources.set(
                `${kind} ${name}`,
                new Resource({
                  ...owner,
                  kind,
                  name,
                  state: "intended",
                  host: "here",
                  evidence: null,
                  reason: null
                })
              )
            }
          }),
        list: () => Effect.sync(() => [...this.resources.values()])
      }),
      Layer.succeed(Incidents, { admit: () => Effect.succeed({ probing: [] }) }),
      Layer.succeed(Budget, {
        check: () => this.called("Budget.check", undefined),
        reserve: ({ rule, ...input }) =>
          Effect.sync(() => {
            const id = ReservationId.make(`${input.call}#${this.reservations.size}`)
            this.reservations.set(id, "reserved")
            this.rules.push(rule)
            return { ...input, id }
          }),
        settle: ({ reservation: { id } }) => Effect.sync(() => void this.reservations.set(id, "settled")),
        cancel: ({ id }) => Effect.sync(() => void this.reservations.set(id, "cancelled")),
        presume: ({ id }) => Effect.sync(() => void this.reservations.set(id, "presumed")),
        renew: ({ id }) => this.called(`Budget.renew ${id}`, undefined),
        presumeExpired: () => Effect.succeed(0),
        status: () => Effect.succeed([])
      }),
      Layer.succeed(Manager, { route: () => this.called("Manager.route", route) }),
      Layer.succeed(Proposer, { ask: ({ model }) => this.called(`Proposer.ask ${model.model}`, reply) }),
      Layer.succeed(Checks, { run: ({ check }) => this.called(`Checks.run ${check.name}`, undefined) }),
      Layer.succeed(CodeEditor, {
        ready: () => Effect.void,
        apply: () => this.called("CodeEditor.apply", ["src/a.js"])
      }),
      Layer.succeed(Workspace, {
        ready: () => Effect.succeed({ freeBytes: Limits.diskFreeBytesMin }),
        snapshot: () => this.called("Workspace.snapshot", { baseSha, paths: ["src/a.js"], files: [] }),
        locate: () => Effect.succeed({ worktree: "/w/order-1-1", instructions: "/i/order-1-1.md" }),
        openWorktree: () => this.called("Workspace.openWorktree", baseSha),
        closeWorktree: () => this.called("Workspace.closeWorktree", true),
        writeInstructions: () => this.called("Workspace.writeInstructions", undefined),
        removeInstructions: () => this.called("Workspace.removeInstructions", true),
        commit: () => this.called("Workspace.commit", change),
        remoteHead: ({ branch: asked }) =>
          Effect.sync(() => (asked === this.order.baseBranch ? baseSha : this.remoteHead)),
        push: () =>
          Effect.sync(() => {
            this.calls.push("Workspace.push")
            this.remoteHead = headSha
          }),
        diff: () => Effect.succeed(change.patch),
        dropBranch: ({ quarantine }) =>
          this.called(`Workspace.dropBranch${quarantine ? " into quarantine" : ""}`, headSha)
      }),
      Layer.mock(GitHub, {
        getRepository: () => Effect.succeed({ defaultBranch: "main", canPush: true }),
        findPullRequests: () => this.called("GitHub.findPullRequests", []),
        createPullRequest: () => this.called("GitHub.createPullRequest", pullRequest),
        getPullRequest: () => Effect.succeed(pullRequest)
      })
    )
  }
}
