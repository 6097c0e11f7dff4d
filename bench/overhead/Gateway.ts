import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Redacted, References, Schema } from "effect"
import { Run } from "../../src/domain/Ids.ts"
import type { ModelChoice } from "../../src/domain/Route.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as LoopbackGateway from "../../src/layers/LoopbackGateway.ts"
import { ModelGateway } from "../../src/services/ModelGateway.ts"
import * as Database from "../ledger/Database.ts"
import { Asked, Listening, Made, type Pair } from "./Messages.ts"

const key = "not-a-real-key-0123456789"
const model: ModelChoice = {
  provider: "openai",
  model: "gpt-bench",
  maxOutputTokens: 500,
  inputPerMillion: Usd.make(1_000_000),
  outputPerMillion: Usd.make(2_000_000)
}

const readListening = Schema.decodeUnknownEffect(Listening)
const write = Schema.encodeSync(Asked)
const readMade = Schema.decodeUnknownEffect(Made)

/** Somebody else, in a process of its own until the scope closes. */
const beside = (file: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(new URL(file, import.meta.url)), args)),
    (process) => Effect.sync(() => process.kill("SIGKILL"))
  )

/** The next thing that it says. */
const saidBy = (child: ChildProcess) =>
  Effect.callback<unknown, Error>((resume) => {
    const gone = () => resume(Effect.fail(new Error("a process of the bench ended too early")))
    child.once("exit", gone)
    child.once("message", (message) => {
      child.off("exit", gone)
      resume(Effect.succeed(message))
    })
  }).pipe(Effect.timeout("1 minute"))

export interface Figures {
  readonly pairs: ReadonlyArray<Pair>
  /** The first ones, for which all of this is still being loaded and compiled. */
  readonly warmUp: ReadonlyArray<Pair>
  /** How long the gateway's process was computing for one call, on average over each attempt, in milliseconds. */
  readonly computing: ReadonlyArray<number>
}

/** As an editor asks: a few times in each attempt. */
const callsPerAttempt = 10

/**
 * So many calls through the gateway, on a ledger with durable commits, and as many without it; they take turns. Client,
 * gateway and provider are processes of their own.
 */
export const measure = (options: {
  readonly calls: number
  readonly warmUp: number
  readonly takesMs: number
}) =>
  Effect.gen(function* () {
    const provider = yield* beside("Provider.ts", [String(options.takesMs)])
    const { url } = yield* Effect.flatMap(saidBy(provider), readListening)
    const client = yield* beside("Client.ts", [url, key, model.model])
    const gateway = LoopbackGateway.layer({
      openai: { apiKey: Redacted.make(key), baseUrl: `${url}/v1` }
    })
    return yield* Effect.gen(function* () {
      const [workOrderId] = yield* Database.seed("gateway", Usd.make(1_000_000_000), 1)
      if (workOrderId === undefined) return yield* Effect.die(new Error("no order"))
      const { open, close } = yield* ModelGateway
      const warmUp: Array<Pair> = []
      const pairs: Array<Pair> = []
      const computing: Array<number> = []
      for (let made = 0; made < options.warmUp + options.calls; made += callsPerAttempt) {
        const call = `applying/bench/${made}`
        const granted = { workOrderId, run: Run.make(1), call, category: "applying", rule: "first" } as const
        const access = yield* open({ ...granted, model })
        const { baseUrl } = access
        const token = Redacted.value(access.token)
        const before = process.cpuUsage()
        client.send(write({ baseUrl, token, from: made, calls: callsPerAttempt }))
        const answer = yield* Effect.flatMap(saidBy(client), readMade)
        const { user, system } = process.cpuUsage(before)
        const warm = made >= options.warmUp
        for (const pair of answer.pairs) (warm ? pairs : warmUp).push(pair)
        if (warm) computing.push((user + system) / 1_000 / callsPerAttempt)
        yield* close(access)
      }
      return { pairs, warmUp, computing } satisfies Figures
    }).pipe(Effect.provide(gateway.pipe(Layer.provideMerge(Database.layer))))
  }).pipe(
    Effect.scoped,
    Effect.provide(NodeServices.layer),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
