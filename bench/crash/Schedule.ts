import {
  appendFileSync,
  readFileSync,
  existsSync,
  symlinkSync,
  mkdirSync,
  writeFileSync,
  rmSync
} from "node:fs"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import {
  DateTime,
  Deferred,
  Effect,
  Fiber,
  FiberSet,
  FileSystem,
  Layer,
  Path,
  Redacted,
  Schedule,
  Schema,
  Scope
} from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { ProjectId, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import { type Status, isSettled } from "../../src/domain/Status.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as FaultyForge from "../../src/testing/real/FaultyForge.ts"
import * as FullDisk from "../../src/testing/real/FullDisk.ts"
import * as GitRemote from "../../src/testing/real/GitRemote.ts"
import * as HttpProxy from "../../src/testing/real/HttpProxy.ts"
import * as Restart from "../ledger/Restart.ts"
import { chance } from "../ledger/Messages.ts"
import { audit } from "./Audit.ts"
import type { Lane } from "./Lane.ts"
import { type Report, Trace } from "./Messages.ts"
import * as Model from "./Model.ts"
import * as Plan from "./Plan.ts"
import type { Worker } from "./Processes.ts"
import * as Programs from "./Programs.ts"

export interface Options {
  /** A runner that gives no sign of life for so long has lost its executions. */
  readonly leaseMs: number
  /** A folder for what is left of schedules with violations. */
  readonly keep: string | undefined
}

/** An order that has not ended after this has not ended. */
const endsWithinMs = 300_000
const looksEvery = "200 millis"
const forgeAwayMs = 800
const diskFullMs = 1_200
const databaseDownMs = 300
const diskBytes = 6 * 1024 * 1024

/** What the bench itself reaches the world through. */
type Parts = FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner | Scope.Scope

/** A process that was killed, and where. */
export interface Death {
  readonly kill: Plan.Kill
  readonly at: number
  /** All that it had done, without the times: the same schedule comes to the same. */
  readonly path: ReadonlyArray<string>
  /** Until another process had taken over; undefined when there was nothing to take over. */
  readonly takeoverMs: number | undefined
  /** Another process was there already, and did not have to be started. */
  readonly another: boolean
}

export interface Result {
  readonly plan: Plan.Plan
  readonly status: string
  readonly failure: string
  readonly deaths: ReadonlyArray<Death>
  readonly disturbed: boolean
  readonly violations: ReadonlyArray<string>
  /** What the reconciler found and repaired. */
  readonly repaired: ReadonlyArray<string>
  /** Steps that came to their end, whoever was killed. */
  readonly steps: number
  readonly ms: number
}

const readTrace = Schema.decodeUnknownSync(Schema.fromJsonString(Trace))
const traceOf = (file: string): ReadonlyArray<Trace> =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => readTrace(line))
    : []

const projectId = ProjectId.make("crash")
const execution = (order: string) => `${order}/1`

const submit = Effect.fnUntraced(function* (
  remoteUrl: string,
  repository: { readonly owner: string; readonly name: string },
  order: string
) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  yield* projects.put(
    new Project({
      id: projectId,
      repository: { remoteUrl, forge: repository },
      baseBranch: "main",
      checks: [],
      limits: { dailyUsd: Usd.make(50_000_000), workOrderUsd: Usd.make(10_000_000) },
      concurrency: 4,
      timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
      mode: "on"
    })
  )
  yield* orders.submit(
    new WorkOrder({
      id: WorkOrderId.make(order),
      project: projectId,
      kind: "feature",
      title: "Answer the question",
      description: "Write the answer to src/question.txt into src/answer.txt.",
      acceptanceCriteria: [],
      filesInScope: [],
      baseBranch: "main",
      priority: 0,
      limits: {},
      metadata: {}
    })
  )
})

/** Where the order stands. A database that is down is asked again. */
const look = Effect.fnUntraced(function* (order: string) {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ status: Status; disposition: string | null; state: string }>`
    select w.status, w.disposition, x.state from public.work_orders w
    join moose.executions x on x.work_order = w.id and x.run = w.run where w.id = ${order}`
  return row
})

/** Runs one schedule to its end on a lane, and judges it. */
export const run = Effect.fnUntraced(function* (lane: Lane, plan: Plan.Plan, { keep, leaseMs }: Options) {
  const fs = yield* FileSystem.FileSystem
  const from = performance.now()
  const order = `order-${plan.seed}`
  const { directory, location, repository } = yield* lane.repository(`s${plan.seed}-${Math.round(from)}`)
  const databaseUrl = yield* lane.database
  const proxy = yield* HttpProxy.make(lane.forge.url)
  const model = yield* Model.make(plan.story)
  const home = join(directory, "home")
  const trace = join(directory, "trace.jsonl")
  const log = join(directory, "log.jsonl")
  const deathsFile = join(directory, "deaths")
  writeFileSync(deathsFile, "")
  const programs = Programs.write(join(directory, "programs"), "/usr/bin/git")
  mkdirSync(home)

  const disk = plan.disturbance === "disk full" ? yield* FullDisk.make({ bytes: diskBytes }) : undefined
  if (disk?.kind === "filesystem") symlinkSync(disk.directory, join(home, "mirrors"))

  return yield* Effect.gen(function* () {
    const orders = yield* WorkOrders
    const remoteUrl = `${proxy.url}/${repository.owner}/${repository.name}.git`
    yield* submit(remoteUrl, repository, order)
    if (plan.story === "push refused") {
      yield* fs.makeDirectory(join(location, "hooks"), { recursive: true })
      yield* fs.writeFileString(
        join(location, "hooks", "pre-receive"),
        "#!/bin/sh\ncat >/dev/null\necho 'not today' >&2\nexit 1\n",
        { mode: 0o755 }
      )
    }

    /** Runs what a worker asks for, as long as the schedule. */
    const fork = yield* FiberSet.makeRuntime<Parts>()
    const over = yield* Deferred.make<void>()
    const deaths: Array<{ readonly worker: number; readonly at: number; readonly another: boolean }> = []
    const disturbing: Array<Fiber.Fiber<unknown, unknown>> = []
    const alive = new Set<Worker>()
    const odd: Array<string> = []
    let disturbed = false
    let databaseWasDown = false

    /** The other side kills the process when it has got, or has done, what it is asked for. */
    const killDuring = (worker: Worker, effect: Plan.Effect, done: boolean) =>
      Effect.gen(function* () {
        if (effect === "model call") {
          model.takeDown(() => worker.kill("SIGKILL"))
        } else {
          const matches = effect === "push" ? GitRemote.isPush : FaultyForge.isCreation
          const { met } = yield* proxy.next(matches, { _tag: done ? "DropReply" : "Stall" })
          yield* Effect.forkScoped(
            Effect.andThen(
              met,
              Effect.sync(() => worker.kill("SIGKILL"))
            )
          )
        }
        worker.send({ _tag: "GoOn" })
      })

    const claimedByAnother = (pid: number) =>
      Effect.repeat(
        Effect.sync(() => traceOf(trace).some((line) => line._tag === "Claimed" && line.pid !== pid)),
        {
          schedule: Schedule.spaced(looksEvery).pipe(Schedule.upTo({ duration: "10 seconds" })),
          until: (so) => so
        }
      )

    const disturb = (worker: Worker): Effect.Effect<void, unknown, Parts> =>
      Effect.gen(function* () {
        const goOn = () => worker.send({ _tag: "GoOn" })
        if (disturbed) return goOn()
        disturbed = true
        switch (plan.disturbance) {
          case "none":
          case "two workers":
            return goOn()
          case "frozen": {
            worker.kill("SIGSTOP")
            goOn()
            fork(supervise)
            yield* claimedByAnother(worker.pid)
            yield* Effect.sleep(1_200 * chance(plan.seed, "frozen"))
            worker.kill("SIGCONT")
            return
          }
          case "PostgreSQL restarted": {
            databaseWasDown = true
            const restarting = yield* Effect.forkChild(Restart.restart(lane.dataDirectory, databaseDownMs))
            yield* Effect.sleep(50)
            goOn()
            yield* Fiber.join(restarting)
            return
          }
          case "forge cut":
            yield* proxy.always(() => true, { _tag: "Drop" })
            goOn()
            yield* Effect.sleep(forgeAwayMs)
            return yield* proxy.clear
          case "disk full": {
            const limited = join(programs, "full")
            if (disk?.kind === "filesystem") yield* disk.fill
            else if (disk !== undefined) writeFileSync(limited, join(disk.path, "git"))
            goOn()
            yield* Effect.sleep(diskFullMs)
            if (disk?.kind === "filesystem") return yield* disk.free
            return rmSync(limited, { force: true })
          }
        }
      })

    const hear = (worker: Worker) => {
      const stopped = Deferred.makeUnsafe<void>()
      const act = (report: Report) => {
        if (report._tag === "Disturb") return disturb(worker)
        if (report._tag === "KillMe") return killDuring(worker, report.effect, report.done)
        return report._tag === "Stopped" ? Deferred.succeed(stopped, undefined) : Effect.void
      }
      return { act, stopped: Deferred.await(stopped) }
    }

    /** One place for a worker: who dies there is followed by the next one, until the order is over. */
    const supervise: Effect.Effect<void, unknown, Parts> = Effect.gen(function* () {
      while (true) {
        const worker = yield* lane.pool.take
        const { act, stopped } = hear(worker)
        worker.listen((report) => {
          const fiber = fork(act(report))
          if (report._tag === "Disturb") disturbing.push(fiber)
        })
        alive.add(worker)
        worker.send({
          _tag: "Run",
          databaseUrl: Redacted.value(databaseUrl),
          forgeUrl: proxy.url,
          token: Redacted.value(lane.forge.token),
          modelUrl: model.url,
          home,
          execution: execution(order),
          programs,
          limited: disk?.kind === "limit",
          trace,
          log,
          leaseMs,
          kills: plan.kills,
          deaths: deathsFile,
          disturbedAt:
            plan.disturbance === "none" || plan.disturbance === "two workers" || disturbed
              ? null
              : plan.disturbedAt,
          sabotage: lane.sabotage
        })
        const at = yield* Effect.raceFirst(worker.died, Effect.as(Deferred.await(over), undefined))
        if (at !== undefined) {
          alive.delete(worker)
          appendFileSync(deathsFile, "x")
          deaths.push({ worker: worker.pid, at, another: alive.size > 0 })
          continue
        }
        worker.kill("SIGCONT")
        worker.send({ _tag: "Stop" })
        const inTime = yield* Effect.timeoutOption(Effect.raceFirst(stopped, worker.died), "15 seconds")
        alive.delete(worker)
        if (inTime._tag === "None") {
          odd.push("a worker did not stop in time")
          worker.kill("SIGKILL")
        } else yield* lane.pool.giveBack(worker)
        return
      }
    })

    const ends = Effect.gen(function* () {
      let cancelled = plan.story !== "cancelled"
      while (performance.now() - from < endsWithinMs) {
        const row = yield* Effect.orElseSucceed(Effect.timeout(look(order), "2 seconds"), () => undefined)
        if (row !== undefined) {
          if (isSettled(row.status) && row.state === "done") return
          if (row.status === "needs_review" && row.state === "suspended") return
          if (!cancelled && row.status === "creating_pr") {
            yield* orders.cancel({ id: WorkOrderId.make(order), reason: "nobody wants it", close: false })
            cancelled = true
          }
        }
        yield* Effect.sleep(looksEvery)
      }
    })

    /** Nobody believes any more to be running anything: who was frozen has noticed. */
    const quiet = Effect.repeat(
      Effect.sync(() => {
        const lines = traceOf(trace)
        return [...alive].every(({ pid }) => {
          const last = lines.findLast((line) => line._tag === "Running" && line.pid === pid)
          return last === undefined || last._tag !== "Running" || last.executions.length === 0
        })
      }),
      {
        schedule: Schedule.spaced(looksEvery).pipe(Schedule.upTo({ duration: "10 seconds" })),
        until: (so) => so
      }
    )

    const first = yield* Effect.forkScoped(supervise)
    const second =
      plan.disturbance === "two workers"
        ? yield* Effect.forkScoped(Effect.andThen(Effect.ignore(claimedByAnother(0)), supervise))
        : undefined
    yield* ends
    for (const worker of alive) worker.kill("SIGCONT")
    yield* quiet
    // Whatever was broken is whole again.
    yield* Effect.timeoutOption(Fiber.awaitAll(disturbing), "30 seconds")
    yield* Deferred.succeed(over, undefined)
    yield* Fiber.await(first)
    if (second !== undefined) yield* Fiber.await(second)
    yield* Effect.repeat(
      Effect.sync(() => alive.size === 0),
      {
        schedule: Schedule.spaced(looksEvery).pipe(Schedule.upTo({ duration: "20 seconds" })),
        until: (so) => so
      }
    )

    const lines = traceOf(trace)
    const takeoverOf = (pid: number, at: number) => {
      if (databaseWasDown) return undefined
      const held = lines.findLast((line) => line._tag === "Claimed" && line.pid === pid)
      const next = lines.find(
        (line) =>
          line._tag === "Claimed" &&
          line.pid !== pid &&
          line.at >= at - 20 &&
          line.executions.includes(execution(order))
      )
      return held === undefined || next === undefined ? undefined : Math.max(0, next.at - at)
    }
    /** The kill that was the process's own, if it died there: a process that dies anywhere else dies of something else. */
    const killOf = (pid: number): Plan.Kill | undefined => {
      const claimed = lines.findLast((line) => line._tag === "Claimed" && line.pid === pid)
      const kill = claimed?._tag === "Claimed" ? plan.kills[claimed.kill] : undefined
      if (kill === undefined) return undefined
      const did = (phase: Plan.Phase) =>
        lines.some(
          (line) =>
            line._tag === "Did" &&
            line.pid === pid &&
            line.effect === kill.effect &&
            line.occurrence === kill.occurrence &&
            line.phase === phase
        )
      return did("before") && did("after") === (kill.phase === "after") ? kill : undefined
    }
    const killed = deaths.flatMap(({ another, at, worker }): ReadonlyArray<Death> => {
      const kill = killOf(worker)
      if (kill === undefined) return []
      const path = lines.flatMap((line) =>
        line._tag === "Did" && line.pid === worker
          ? [`${line.step ?? "-"}: ${line.phase} ${line.effect} ${line.occurrence}`]
          : []
      )
      return [{ kill, at, another, path, takeoverMs: takeoverOf(worker, at) }]
    })
    const verdict = yield* audit({
      lane,
      home,
      forgeUrl: proxy.url,
      token: lane.forge.token,
      location,
      repository,
      project: projectId,
      order,
      canBeDone: Plan.canBeDone(plan),
      calls: model.calls(),
      trace: lines
    })
    const result: Result = {
      plan,
      status: verdict.status,
      failure: verdict.failure,
      deaths: killed,
      disturbed,
      violations: [
        ...odd,
        ...(killed.length === deaths.length ? [] : ["a process died elsewhere than it was to"]),
        ...verdict.violations
      ],
      repaired: verdict.repaired,
      steps: verdict.steps,
      ms: performance.now() - from
    }
    if (keep !== undefined && result.violations.length > 0) {
      yield* fs.copy(directory, join(keep, `${plan.seed}-${Math.round(from)}`))
    }
    return result
  }).pipe(
    Effect.provide(
      Environment.store.pipe(Layer.provideMerge(PgClient.layer({ url: databaseUrl, maxConnections: 3 })))
    )
  )
}, Effect.scoped)
