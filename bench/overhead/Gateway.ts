import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Redacted, References, Schema } from "effect"
import { Run } from "../../src/domain/Ids.ts"
import type { ModelChoice } from "../../src/domain/Route.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as LoopbackGateway from "../../src/layers/LoopbackGateway.ts"
import { ModelGateway } from "../../src/services/ModelGateway.ts"
import * as Database from "../ledger/Database.ts"
import { Listening } from "./Messages.ts"

const key = "not-a-real-key-0123456789"
const model: ModelChoice = {
  provider: "openai",
  model: "gpt-bench",
  maxOutputTokens: 500,
  inputPerMillion: Usd.make(1_000_000),
  outputPerMillion: Usd.make(2_000_000)
}

const readListening = Schema.decodeUnknownEffect(Listening)

/** The provider, in a process of its own until the scope closes; answers where it is. */
const provider = (takesMs: number) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(fileURLToPath(new URL("Provider.ts", import.meta.url)), [String(takesMs)])),
      (process) => Effect.sync(() => process.kill("SIGKILL"))
    )
    const said = yield* Effect.callback<unknown>((resume) => {
      child.once("message", (message) => resume(Effect.succeed(message)))
    }).pipe(Effect.timeout("1 minute"))
    return yield* readListening(said)
  })

/** One call, in milliseconds. */
interface Took {
  /** How long it took beside what the provider was at it. */
  readonly ms: number
  /** How long this process was computing meanwhile, whatever else the machine did. */
  readonly computing: number
}

const call = (url: string, token: string, content: string) =>
  Effect.promise(async () => {
    const before = process.cpuUsage()
    const from = performance.now()
    const response = await fetch(`${url}/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ model: model.model, messages: [{ role: "user", content }] })
    })
    await response.text()
    if (response.status !== 200) throw new Error(`the call ended with ${response.status}`)
    const ms = performance.now() - from - Number(response.headers.get("x-request-id"))
    const { user, system } = process.cpuUsage(before)
    return { ms, computing: (user + system) / 1_000 } satisfies Took
  })

/** How long work of a fixed size takes, in milliseconds: what else this machine does makes it longer. */
const work = (): number => {
  const from = performance.now()
  let sum = 0
  for (let index = 0; index < 2_000_000; index++) sum += Math.sqrt(index)
  return sum > 0 ? performance.now() - from : 0
}

export interface Figures {
  readonly through: ReadonlyArray<Took>
  readonly direct: ReadonlyArray<Took>
  /** Work of a fixed size, after each pair. */
  readonly work: ReadonlyArray<number>
}

/** So many calls through the gateway, on a ledger with durable commits, and as many without it; they take turns. */
export const measure = (options: {
  readonly calls: number
  readonly warmUp: number
  readonly takesMs: number
}) =>
  Effect.gen(function* () {
    const { url } = yield* provider(options.takesMs)
    const gateway = LoopbackGateway.layer({
      openai: { apiKey: Redacted.make(key), baseUrl: `${url}/v1` }
    })
    return yield* Effect.gen(function* () {
      const [workOrderId] = yield* Database.seed("gateway", Usd.make(1_000_000_000), 1)
      if (workOrderId === undefined) return yield* Effect.die(new Error("no order"))
      const { open, close } = yield* ModelGateway
      const found = { through: new Array<Took>(), direct: new Array<Took>(), work: new Array<number>() }
      // As an editor asks: a few times in each attempt.
      const callsPerAttempt = 10
      for (let made = 0; made < options.warmUp + options.calls; made += callsPerAttempt) {
        const name = `applying/bench/${made}`
        const granted = {
          workOrderId,
          run: Run.make(1),
          call: name,
          category: "applying",
          rule: "first"
        } as const
        const access = yield* open({ ...granted, model })
        for (let index = 0; index < callsPerAttempt; index++) {
          const content = `${made + index}: ${"Please change this line. ".repeat(400)}`
          const through = yield* call(access.baseUrl, Redacted.value(access.token), content)
          const direct = yield* call(`${url}/v1`, key, content)
          if (made < options.warmUp) continue
          found.through.push(through)
          found.direct.push(direct)
          found.work.push(work())
        }
        yield* close(access)
      }
      return found satisfies Figures
    }).pipe(Effect.provide(gateway.pipe(Layer.provideMerge(Database.layer))))
  }).pipe(
    Effect.scoped,
    Effect.provide(NodeServices.layer),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
