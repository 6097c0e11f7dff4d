import { appendFileSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Fiber, Layer, Logger, Option, Queue, Redacted, Schema } from "effect"
import { Policies, type PolicyTables } from "../../src/domain/policies/Policies.ts"
import { recoveryOf } from "../../src/domain/policies/Recovery.ts"
import { type RetryRow, retry } from "../../src/domain/policies/Retry.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as Settings from "../../src/layers/Settings.ts"
import * as PostgresProxy from "../../src/testing/real/PostgresProxy.ts"
import { Command, type Report, type Run } from "./Messages.ts"
import * as Points from "./Points.ts"
import * as Watched from "./Watched.ts"

/*
 * A worker as `moose worker` is one, whose calls are watched, and which kills itself with SIGKILL where it is told
 * to. It serves one schedule after the other until it dies: most of what it takes to begin is loading code.
 */

const path = process.env["PATH"] ?? ""
const read = Schema.decodeUnknownSync(Command)
/** Whoever should hear it may be gone. */
const tell = (report: Report) => void process.send?.(report, undefined, undefined, () => undefined)

/** So much shorter are the waits than in earnest. */
const hurry = { generating: 1 / 40, applying: 1 / 20, creating_pr: 1 / 4, routing: 1 / 4, tracking: 1 / 4 }
const shorter = ({ delays, deadline }: RetryRow, by: number): RetryRow => ({
  delays: delays.map((delay) => Duration.times(delay, by)),
  deadline
})
const tables: PolicyTables = {
  recoveryOf,
  retry: {
    routing: shorter(retry.routing, hurry.routing),
    generating: shorter(retry.generating, hurry.generating),
    applying: shorter(retry.applying, hurry.applying),
    creating_pr: shorter(retry.creating_pr, hurry.creating_pr),
    tracking: shorter(retry.tracking, hurry.tracking)
  },
  park: { first: Duration.millis(500), longest: Duration.seconds(4) }
}

let points: Points.Points | undefined

const logger = (file: string) =>
  Logger.layer([Logger.map(Logger.formatJson, (line) => appendFileSync(file, `${line}\n`))])

const work = (run: Run) =>
  Effect.gen(function* () {
    process.env["PATH"] = path
    const proxy = yield* PostgresProxy.make(Redacted.make(run.databaseUrl))
    const its = Points.make({ run, proxy, tell })
    points = its
    const settings = Layer.succeed(Settings.Settings, {
      ...Settings.embedded(run.home),
      databaseUrl: proxy.url,
      forge: "github",
      githubToken: Redacted.make(run.token),
      githubApiUrl: run.forgeUrl,
      openaiApiKey: Redacted.make("not-a-real-key-0123456789"),
      openaiBaseUrl: `${run.modelUrl}/v1`,
      model: "gpt-5-mini",
      slots: 4
    })
    const stored = Environment.stores.pipe(
      Layer.provideMerge(Watched.store(its, run.sabotage === "fencing" ? 3 * run.leaseMs : run.leaseMs)),
      Layer.provideMerge(PgClient.layer({ url: proxy.url }))
    )
    const everything = Watched.tools(its, run.sabotage).pipe(
      Layer.provideMerge(Environment.tools),
      Layer.provideMerge(stored)
    )
    // Half of the fencing is a process that notices by itself that its lease is over.
    const lease = run.sabotage === "fencing" ? Duration.hours(1) : Duration.millis(run.leaseMs)
    // One that only runs what it is given does not reconcile.
    const only = run.reconciles ? {} : { only: [run.execution] }
    const worker = Environment.worker({ lease, ...only }).pipe(
      Layer.provide(everything),
      Layer.provide(settings),
      Layer.provide(Layer.succeed(Policies, tables)),
      Layer.provide(logger(run.log))
    )
    return yield* Layer.launch(worker)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const main = Effect.gen(function* () {
  const inbox = yield* Queue.bounded<Command>(8)
  process.on("message", (message) => {
    const command = read(message)
    if (command._tag === "GoOn") points?.goOn()
    else Queue.offerUnsafe(inbox, command)
  })
  // Whoever started it is gone.
  process.on("disconnect", () => process.exit(0))
  tell({ _tag: "Ready" })
  let current: Option.Option<Fiber.Fiber<unknown, unknown>> = Option.none()
  while (true) {
    const command = yield* Queue.take(inbox)
    if (command._tag === "Run") {
      const failed = (cause: unknown) => Effect.sync(() => appendFileSync(command.log, `${String(cause)}\n`))
      current = Option.some(yield* Effect.forkChild(Effect.tapCause(work(command), failed)))
    } else if (Option.isSome(current)) {
      yield* Fiber.interrupt(current.value)
      current = Option.none()
      tell({ _tag: "Stopped" })
    }
  }
})

await Effect.runPromise(main)
