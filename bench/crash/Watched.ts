import { Effect, Layer, Option, Schema } from "effect"
import { GitHub } from "../../src/services/GitHub.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import * as StoreCall from "../../src/layers/postgres/StoreCall.ts"
import type { Points } from "./Points.ts"
import type * as Plan from "./Plan.ts"

/* The services of a worker, each call that outlives the process seen by `Points`. What they do is their own. */

const isSettling = Schema.is(
  Schema.Struct({ facts: Schema.Array(Schema.Struct({ _tag: Schema.String })) }).check(
    Schema.makeFilter(({ facts }) => facts.some(({ _tag }) => _tag === "CostSettled"))
  )
)

/** The run's end, by itself or with its last step's. */
const isEnding = Schema.is(
  Schema.Union([
    Schema.Struct({ _tag: Schema.Literal("Finished") }),
    Schema.Struct({ runResult: Schema.Record(Schema.String, Schema.Unknown) })
  ])
)

/** Calls that come alone and those that share a commit. */
const all = (input: unknown): ReadonlyArray<unknown> => (Array.isArray(input) ? input : [input])

const effectOf = (name: string, input: unknown): Plan.Effect | undefined => {
  switch (name) {
    case "intend_resources":
      return "intent"
    case "check_and_reserve_budget":
    case "check_and_reserve_budgets":
      return "reservation"
    case "close_reservation":
      return "closing"
    case "commit_activity":
    case "commit_together":
      if (all(input).some(isEnding)) return "end"
      return all(input).some(isSettling) ? "settlement" : "journal"
    case "finish_execution":
      return "end"
    default:
      return undefined
  }
}

const isRecord = Schema.is(Schema.Record(Schema.String, Schema.Unknown))

/** Something of its own in the statement, which its function does not look at. */
const marked = (input: unknown, marker: string | undefined): unknown => {
  if (marker === undefined) return input
  if (Array.isArray(input)) {
    const [first, ...others]: ReadonlyArray<unknown> = input
    return [marked(first, marker), ...others]
  }
  return isRecord(input) ? { marker, ...input } : input
}

const readTick = Schema.decodeUnknownOption(Schema.Struct({ running: Schema.Array(Schema.String) }))
const readClaims = Schema.decodeUnknownOption(
  Schema.Struct({ claims: Schema.Array(Schema.Struct({ id: Schema.String })) })
)

/** Every function of the database that changes what is true. */
export const store = (points: Points, leaseMs: number) =>
  Layer.effect(
    StoreCall.StoreCall,
    Effect.map(StoreCall.StoreCall, ({ call }) =>
      StoreCall.StoreCall.of({
        call: (name, input) => {
          if (name === "runner_tick") {
            Option.map(readTick(input), ({ running }) => points.running(running))
            // Whatever the process itself believes.
            return Effect.tap(call(name, isRecord(input) ? { ...input, leaseMs } : input), (answer) =>
              Effect.sync(() =>
                Option.map(readClaims(answer), ({ claims }) => {
                  if (claims.length > 0) points.claimed(claims.map(({ id }) => id))
                })
              )
            )
          }
          const effect = effectOf(name, input)
          return effect === undefined
            ? call(name, input)
            : points.around(effect, { _tag: "Statement" }, (marker) => call(name, marked(input, marker)))
        }
      })
    )
  ).pipe(Layer.provide(StoreCall.layerPg))

const request = { _tag: "Request" } as const
const git = (words: string) => ({ _tag: "Git", words }) as const

const proposer = (points: Points) =>
  Layer.effect(
    Proposer,
    Effect.map(Proposer, ({ ask }) =>
      Proposer.of({ ask: (input) => points.around("model call", request, () => ask(input)) })
    )
  )

const workspace = (points: Points) =>
  Layer.effect(
    Workspace,
    Effect.map(Workspace, (real) =>
      Workspace.of({
        ...real,
        openWorktree: (input) =>
          points.around("worktree", git("worktree add"), () => real.openWorktree(input)),
        commit: (input) => points.around("commit", git("commit-tree"), () => real.commit(input)),
        push: (input) => points.around("push", request, () => real.push(input)),
        closeWorktree: (input) =>
          points.around("clean-up", git("worktree remove"), () => real.closeWorktree(input)),
        dropBranch: (input) => points.around("clean-up", git("update-ref"), () => real.dropBranch(input))
      })
    )
  )

/** With `adoption` taken out, nobody finds what an earlier process has made. */
const gitHub = (points: Points, sabotage: Plan.Sabotage | null) =>
  Layer.effect(
    GitHub,
    Effect.map(GitHub, (real) =>
      GitHub.of({
        ...real,
        ...(sabotage === "adoption" ? { findPullRequests: () => Effect.succeed([]) } : {}),
        createPullRequest: (input) =>
          points.around("pull request", request, () => real.createPullRequest(input))
      })
    )
  )

/** What a worker reaches the world through. */
export const tools = (points: Points, sabotage: Plan.Sabotage | null) =>
  Layer.mergeAll(proposer(points), workspace(points), gitHub(points, sabotage))
