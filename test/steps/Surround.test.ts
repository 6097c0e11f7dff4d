import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ChecksFailed } from "../../src/domain/errors/ApplyError.ts"
import {
  LedgerUnavailable,
  RateLimited,
  RemoteUnreachable,
  RepositoryLocked,
  StoreUnavailable,
  TimedOut,
  WorkOrderMissing
} from "../../src/domain/errors/Reasons.ts"
import { Policies } from "../../src/domain/policies/Policies.ts"
import { retry } from "../../src/domain/policies/Retry.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Project } from "../../src/domain/Project.ts"
import { type Status, legalMoves } from "../../src/domain/Status.ts"
import { run } from "../../src/pipeline.ts"
import { Budget } from "../../src/services/Budget.ts"
import { Checks } from "../../src/services/Checks.ts"
import { Proposer } from "../../src/services/Proposer.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import { Workspace } from "../../src/services/Workspace.ts"
import { World, at, baseSha, change, project, reply } from "../support/World.ts"

const evidence = { operation: "test", excerpt: "as told" }
const remote = "https://forge.invalid/o/r.git"

const locked = new RepositoryLocked({ path: "/mirrors/sample.git", evidence })
const unreachable = new RemoteUnreachable({ remote, evidence })
const hung = new TimedOut({ operation: "git fetch", limitMs: 300_000 })
const noStore = new StoreUnavailable({ evidence })

/** Fails with each of these in turn, then does as ever. */
const after = <A, E, R, E2>(failures: ReadonlyArray<E2>, effect: Effect.Effect<A, E, R>) => {
  const left = [...failures]
  return Effect.suspend((): Effect.Effect<A, E | E2, R> => {
    const next = left.shift()
    return next === undefined ? effect : Effect.fail(next)
  })
}

const workspace = (change: Partial<Workspace["Service"]>) =>
  Layer.effect(
    Workspace,
    Effect.map(Workspace, (real) => ({ ...real, ...change }))
  )

const runIn = Effect.fnUntraced(function* <R>(
  world: World,
  overrides: Layer.Layer<R, never, Budget | Workspace | WorkOrders>
) {
  const services = world.layer(Layer.provide(overrides, world.services()))
  const fiber = yield* Effect.forkChild(Effect.provide(run(at), services))
  for (let hours = 0; hours < 30 && fiber.pollUnsafe() === undefined; hours++)
    yield* TestClock.adjust("1 hour")
  const ended = yield* Fiber.join(fiber)
  let status: Status = "routing"
  for (const fact of world.facts) {
    if (fact._tag !== "StatusMoved" || fact.to === status) continue
    const allowed: ReadonlyArray<Status> = legalMoves[status]
    assert.include(allowed, fact.to)
    status = fact.to
  }
  return ended
})

const waits = (world: World) =>
  world.facts.flatMap((fact) => (fact._tag === "Parked" ? [fact.dependency] : []))

describe("a step", () => {
  it.effect("waits for a store that it cannot even read its order from", () =>
    Effect.gen(function* () {
      const world = new World()
      const overrides = Layer.effect(
        WorkOrders,
        Effect.map(WorkOrders, (real) => {
          const get = after([noStore, noStore], real.get({ id: at.workOrderId }))
          return { ...real, get: () => get }
        })
      )
      assert.strictEqual((yield* runIn(world, overrides))._tag, "Completed")
      assert.deepStrictEqual(waits(world), ["store", "store"])
    })
  )

  it.effect("does not wait for an order that is not there: that is no outage", () =>
    Effect.gen(function* () {
      const world = new World()
      const overrides = Layer.effect(
        WorkOrders,
        Effect.map(WorkOrders, (real) => {
          const { workOrderId: id } = at
          const get = after([new WorkOrderMissing({ id })], real.get({ id }))
          return { ...real, get: () => get }
        })
      )
      const ended = yield* runIn(world, overrides)
      if (ended._tag !== "Failed") return assert.fail(ended._tag)
      assert.strictEqual(ended.error.reason._tag, "WorkOrderMissing")
      assert.deepStrictEqual(waits(world), [])
      assert.strictEqual(world.status, "routing_failed")
    })
  )

  it.effect("waits for the store when it is the ledger in it that does not answer", () =>
    Effect.gen(function* () {
      const world = new World()
      const away = new LedgerUnavailable({ evidence })
      const tries = 1 + retry.routing.delays.length
      const overrides = Layer.effect(
        Budget,
        Effect.map(Budget, (real) => {
          const check = after(
            Array.from({ length: tries }, () => away),
            Effect.void
          )
          return { ...real, check: () => check }
        })
      )
      assert.strictEqual((yield* runIn(world, overrides))._tag, "Completed")
      assert.deepStrictEqual(waits(world), ["store"])
    })
  )

  it.effect("waits for a remote that hangs, as for one that refuses", () =>
    Effect.gen(function* () {
      const world = new World()
      const tries = 1 + retry.applying.delays.length
      const openWorktree = after(
        Array.from({ length: tries }, () => hung),
        Effect.succeed(baseSha)
      )
      const ended = yield* runIn(world, workspace({ openWorktree: () => openWorktree }))
      assert.strictEqual(ended._tag, "Completed")
      assert.deepStrictEqual(waits(world), ["remote:forge.invalid"])
    })
  )

  it.effect("repeats after a wait what no wait cures", () =>
    Effect.gen(function* () {
      const world = new World()
      const tries = 1 + retry.applying.delays.length
      const failures = [...Array.from({ length: tries }, () => unreachable), locked]
      const openWorktree = after<typeof baseSha, never, never, RemoteUnreachable | RepositoryLocked>(
        failures,
        Effect.succeed(baseSha)
      )
      const ended = yield* runIn(world, workspace({ openWorktree: () => openWorktree }))
      assert.strictEqual(ended._tag, "Completed")
      assert.strictEqual(waits(world).length, 1)
    })
  )

  it.effect("has the delays of its row for each reason by itself", () =>
    Effect.gen(function* () {
      const { delays } = retry.creating_pr
      const inARow = <E>(reason: E) => Array.from({ length: delays.length }, () => reason)
      const trying = Effect.fnUntraced(function* (
        failures: ReadonlyArray<RemoteUnreachable | RepositoryLocked>
      ) {
        const world = new World()
        const overrides = Layer.effect(
          Workspace,
          Effect.map(Workspace, (real) => {
            let push: ReturnType<typeof real.push> | undefined
            return {
              ...real,
              push: (input) => (push ??= after(failures, real.push(input)))
            } satisfies Workspace["Service"]
          })
        )
        return { world, ended: yield* runIn(world, overrides) }
      })
      const decisions = (world: World) =>
        world.facts.flatMap((fact) =>
          fact._tag === "AttemptFailed" && fact.step === "creating_pr"
            ? [`${fact.failure.attempt} ${fact.failure.tag}`]
            : []
        )

      const down = inARow(unreachable)
      const { world, ended } = yield* trying([...down, locked, unreachable])
      // The remote is spent and is waited for; the lock in between had a delay of its own.
      assert.strictEqual(ended._tag, "Completed")
      assert.deepStrictEqual(decisions(world), [
        ...down.map((_, index) => `${index + 1} RemoteUnreachable`),
        `${down.length + 1} RepositoryLocked`,
        `${down.length + 2} RemoteUnreachable`
      ])
      assert.deepStrictEqual(waits(world), ["remote:forge.invalid"])

      const stuck = yield* trying([...down, ...inARow(locked), locked])
      if (stuck.ended._tag !== "Failed") return assert.fail(stuck.ended._tag)
      assert.strictEqual(stuck.ended.error.reason._tag, "RepositoryLocked")
      assert.strictEqual(decisions(stuck.world).length, 2 * delays.length)
    })
  )

  it.effect("that fails after a wait has gone back to its own status first", () =>
    Effect.gen(function* () {
      const world = new World()
      const tries = 1 + retry.applying.delays.length
      const down = Array.from({ length: tries }, () => unreachable)
      const openWorktree = after(down, Effect.die(new Error("oops")))
      const ended = yield* runIn(world, workspace({ openWorktree: () => openWorktree }))
      assert.strictEqual(ended._tag, "Failed")
      assert.strictEqual(world.status, "aider_failed")
    })
  )

  it.effect("waits for the model that should mend a change, instead of giving up the change", () =>
    Effect.gen(function* () {
      const world = new World()
      world.project = new Project({
        ...project,
        checks: [{ name: "test", command: ["true"], timeoutMs: 1_000 }]
      })
      const busy = new RateLimited({ service: "OpenAI", evidence })
      let asked = 0
      let checked = 0
      const overrides = Layer.mergeAll(
        Layer.succeed(Proposer, {
          ask: () =>
            Effect.suspend(() => (++asked > 1 && asked < 8 ? Effect.fail(busy) : Effect.succeed(reply)))
        }),
        Layer.succeed(Checks, {
          run: () =>
            Effect.suspend(() =>
              ++checked < 4
                ? Effect.fail(new ChecksFailed({ check: "test", log: "", evidence }))
                : Effect.void
            )
        })
      )
      assert.strictEqual((yield* runIn(world, overrides))._tag, "Completed")
      assert.include(waits(world), "provider:openai")
    })
  )

  it.effect("that cannot see how its push ended looks again, instead of believing what it was told", () =>
    Effect.gen(function* () {
      const world = new World()
      let pushes = 0
      const overrides = Layer.effect(
        Workspace,
        Effect.map(Workspace, (real) => {
          let blind = false
          return {
            ...real,
            push: (input) =>
              Effect.gen(function* () {
                pushes++
                yield* real.push(input)
                blind = true
                return yield* unreachable
              }),
            remoteHead: (input) =>
              Effect.suspend(() => {
                if (!blind) return real.remoteHead(input)
                blind = false
                return Effect.fail(unreachable)
              })
          } satisfies Workspace["Service"]
        })
      )
      assert.strictEqual((yield* runIn(world, overrides))._tag, "Completed")
      assert.strictEqual(pushes, 1)
    })
  )

  it.effect("goes by the tables that it is given", () =>
    Effect.gen(function* () {
      const world = new World()
      const commit = after([locked], Effect.succeed(change))
      const overrides = Layer.merge(
        workspace({ commit: () => commit }),
        Layer.succeed(Policies, {
          recoveryOf: () => ({ actions: [], decides: "human" as const }),
          retry,
          park: { first: Limits.parkFirst, longest: Limits.parkLongest }
        })
      )
      const ended = yield* runIn(world, overrides)
      if (ended._tag !== "Failed") return assert.fail(ended._tag)
      assert.strictEqual(ended.error.reason._tag, "RepositoryLocked")
    })
  )
})
