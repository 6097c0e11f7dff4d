import { appendFileSync } from "node:fs"
import { Deferred, Effect, Fiber, FiberSet, type FileSystem, type Path, Schedule, type Scope } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as FaultyForge from "../../src/testing/real/FaultyForge.ts"
import * as GitRemote from "../../src/testing/real/GitRemote.ts"
import * as Disturbances from "./Disturbances.ts"
import type { Lane } from "./Lane.ts"
import type { Report } from "./Messages.ts"
import type * as Plan from "./Plan.ts"
import type { Worker } from "./Processes.ts"
import type { Scene } from "./Scene.ts"
import * as Traced from "./Traced.ts"

/** What the bench itself reaches the world through. */
type Parts = FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner | Scope.Scope

/** Looks again and again until something is so, for a while. */
const until = (is: () => boolean, within: "10 seconds" | "20 seconds") =>
  Effect.asVoid(
    Effect.repeat(Effect.sync(is), {
      schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: within })),
      until: (so) => so
    })
  )

/** The workers of a schedule: those that die are followed by others, until `over`. */
export const make = Effect.fnUntraced(function* (lane: Lane, plan: Plan.Plan, scene: Scene) {
  const { disk, model, proxy, run } = scene
  /** Runs what a worker asks for, as long as the schedule. */
  const fork = yield* FiberSet.makeRuntime<Parts>()
  const ended = yield* Deferred.make<void>()
  const over = yield* Deferred.make<void>()
  const deaths: Array<{ readonly pid: number; readonly at: number; readonly another: boolean }> = []
  const disturbing: Array<Fiber.Fiber<unknown, unknown>> = []
  const alive = new Set<Worker>()
  const odd: Array<string> = []
  let disturbed = false

  /** The other side kills the process when it has got, or has done, what it is asked for. */
  const killDuring = (worker: Worker, effect: Plan.Effect, done: boolean) =>
    Effect.gen(function* () {
      const kill = () => worker.kill("SIGKILL")
      if (effect === "model call") model.takeDown(kill)
      else {
        const matches = effect === "push" ? GitRemote.isPush : FaultyForge.isCreation
        const { met } = yield* proxy.next(matches, { _tag: done ? "DropReply" : "Stall" })
        yield* Effect.forkScoped(Effect.andThen(met, Effect.sync(kill)))
      }
      worker.send({ _tag: "GoOn" })
    })

  const takenOver = (worker: Worker) =>
    Effect.suspend(() => {
      fork(supervise)
      return until(() => Traced.isClaimedByAnother(Traced.linesOf(run.trace), worker.pid), "10 seconds")
    })
  const { dataDirectory } = lane
  const orderEnded = Deferred.await(ended)
  const disturb = Disturbances.make(plan, {
    dataDirectory,
    proxy,
    disk,
    programs: run.programs,
    takenOver,
    ended: orderEnded
  })

  const hear = (worker: Worker, stopped: Deferred.Deferred<void>) => (report: Report) => {
    const goOn = () => worker.send({ _tag: "GoOn" })
    switch (report._tag) {
      case "Disturb":
        if (disturbed) return goOn()
        disturbed = true
        return void disturbing.push(fork(disturb(worker, goOn)))
      case "KillMe":
        return void fork(killDuring(worker, report.effect, report.done))
      case "Stopped":
        return void Deferred.doneUnsafe(stopped, Effect.void)
      case "Ready":
        return
    }
  }

  /** One place for a worker: who dies there is followed by the next one. */
  const supervise: Effect.Effect<void> = Effect.gen(function* () {
    while (true) {
      const worker = yield* lane.pool.take
      const stopped = yield* Deferred.make<void>()
      worker.listen(hear(worker, stopped))
      alive.add(worker)
      worker.send(disturbed ? { ...run, disturbedAt: null } : run)
      const at = yield* Effect.raceFirst(worker.died, Effect.as(Deferred.await(over), undefined))
      if (at !== undefined) {
        alive.delete(worker)
        appendFileSync(run.deaths, "x")
        deaths.push({ pid: worker.pid, at, another: alive.size > 0 })
        continue
      }
      worker.kill("SIGCONT")
      worker.send({ _tag: "Stop" })
      const ended = Effect.raceFirst(
        Effect.as(Deferred.await(stopped), "stopped" as const),
        Effect.as(worker.died, "died" as const)
      )
      const inTime = yield* Effect.timeoutOption(ended, "15 seconds")
      alive.delete(worker)
      if (inTime._tag === "Some") {
        // One that came to its place only now is no schedule's any more.
        return inTime.value === "stopped" ? yield* lane.pool.giveBack(worker) : undefined
      }
      odd.push("a worker did not stop in time")
      worker.kill("SIGKILL")
      return
    }
  })

  return {
    deaths,
    odd,
    disturbed: () => disturbed,
    begin: Effect.gen(function* () {
      yield* Effect.forkScoped(supervise)
      if (plan.disturbance !== "two workers") return
      const second = Effect.andThen(
        until(() => Traced.isClaimedByAnother(Traced.linesOf(run.trace), 0), "10 seconds"),
        supervise
      )
      yield* Effect.forkScoped(second)
    }),
    /** Until nobody believes any more to be running anything, all is whole again, and all workers have stopped. */
    end: Effect.gen(function* () {
      yield* Deferred.succeed(ended, undefined)
      for (const worker of alive) worker.kill("SIGCONT")
      yield* until(() => {
        const lines = Traced.linesOf(run.trace)
        return [...alive].every(({ pid }) => Traced.isIdle(lines, pid))
      }, "10 seconds")
      yield* Effect.timeoutOption(Fiber.awaitAll(disturbing), "30 seconds")
      yield* Deferred.succeed(over, undefined)
      yield* until(() => alive.size === 0, "20 seconds")
      if (alive.size > 0) odd.push("workers were left over")
    })
  }
})
