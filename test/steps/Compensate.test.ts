import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer } from "effect"
import { ApplyError, NoChanges } from "../../src/domain/errors/ApplyError.ts"
import { Failure } from "../../src/domain/errors/Failure.ts"
import { meaningOf } from "../../src/domain/policies/Meaning.ts"
import { Resource } from "../../src/domain/Resource.ts"
import type { Status } from "../../src/domain/Status.ts"
import { GitHub } from "../../src/services/GitHub.ts"
import { compensate } from "../../src/steps/Compensate.ts"
import { World, at, branch, pullRequest } from "../support/World.ts"

/** What a run still holds in the books. */
const holding = (world: World, kind: Resource["kind"], name: string, state: Resource["state"] = "held") =>
  world.resources.set(
    `${kind} ${name}`,
    new Resource({ ...at, kind, name, state, host: "here", evidence: null, reason: null })
  )

const isOpen = Layer.mock(GitHub, { findPullRequests: () => Effect.succeed([pullRequest]) })

/** Cleans up after an order that had a status, and answers what was written down. */
const after = Effect.fnUntraced(function* (world: World, status: Status, cause: Cause.Cause<unknown>) {
  world.status = status
  yield* compensate(at, cause).pipe(Effect.provide(Layer.provideMerge(isOpen, world.services())))
  const moves = world.facts.flatMap((fact) => (fact._tag === "StatusMoved" ? [fact.to] : []))
  const failed = world.facts.flatMap((fact) => (fact._tag === "StepFailed" ? [fact.failure] : []))
  const escalated = world.facts.flatMap((fact) => (fact._tag === "Escalated" ? [fact] : []))
  return { moves, failed, escalated }
})

const bug = Cause.die(new TypeError("oops"))

const noChanges = new NoChanges({})
const applyError = new ApplyError({
  reason: noChanges,
  failure: new Failure({
    step: "applying",
    component: "editor",
    attempt: 1,
    operation: "git commit",
    ...at,
    tag: noChanges._tag,
    message: noChanges.message,
    ...meaningOf(noChanges),
    retryAfterMs: null,
    excerpt: "",
    causes: [],
    state: { unknown: "not asked" }
  })
})

describe("the clean-up after a run", () => {
  it.effect("that a bug of the pipeline ended: it is a bug of the step at hand, and somebody is told", () =>
    Effect.gen(function* () {
      const world = new World()
      holding(world, "worktree", "/w/order-1-1")
      holding(world, "instruction_file", "/i/order-1-1.md", "intended")
      holding(world, "branch", branch)
      const { escalated, failed, moves } = yield* after(world, "applying", bug)
      assert.deepStrictEqual(moves, ["aider_failed"])
      assert.deepInclude(failed[0], { step: "applying", tag: "UnexpectedDefect", operation: "pipeline" })
      assert.include(failed[0]?.excerpt, "TypeError: oops")
      assert.include(escalated[0]?.fingerprint, "applying/UnexpectedDefect")
      assert.strictEqual(world.disposition, "rolled_back")
      assert.deepStrictEqual(
        [...world.resources.values()].map(({ kind, state }) => `${kind} ${state}`),
        ["worktree released", "instruction_file released", "branch released"]
      )
      assert.include(world.calls, "Workspace.dropBranch into quarantine")
    })
  )

  it.effect("that ended while it waited: it goes back to a step first, because a wait cannot fail", () =>
    Effect.gen(function* () {
      for (const status of ["waiting", "needs_review"] as const) {
        const { failed, moves } = yield* after(new World(), status, bug)
        assert.deepStrictEqual(moves, ["tracking", "tracking_failed"])
        assert.strictEqual(failed[0]?.step, "tracking")
      }
    })
  )

  it.effect("whose step could not write its failure: it is written now, once", () =>
    Effect.gen(function* () {
      const unwritten = yield* after(new World(), "applying", Cause.fail(applyError))
      assert.deepStrictEqual(unwritten.moves, ["aider_failed"])
      assert.deepStrictEqual(
        unwritten.failed.map(({ tag }) => tag),
        ["NoChanges"]
      )
      assert.strictEqual(unwritten.escalated.length, 1)
      const written = yield* after(new World(), "aider_failed", Cause.fail(applyError))
      assert.deepStrictEqual([written.failed, written.escalated], [[], []])
    })
  )

  it.effect("leaves a pull request open that others may have seen, and says why", () =>
    Effect.gen(function* () {
      const world = new World()
      holding(world, "pull_request", branch)
      yield* after(world, "creating_pr", bug)
      const kept = world.facts.find((fact) => fact._tag === "ResourcePreserved")
      assert.deepInclude(kept, {
        kind: "pull_request",
        name: branch,
        reason: "pull request #7 is open, and others may have seen it"
      })
      assert.strictEqual(world.disposition, "preserved")
    })
  )
})
