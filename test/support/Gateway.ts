import Anthropic from "@anthropic-ai/sdk"
import { PgClient } from "@effect/sql-pg"
import { DateTime, Effect, Layer, Redacted } from "effect"
import OpenAI from "openai"
import { ProjectId, Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { Project } from "../../src/domain/Project.ts"
import type { ModelChoice } from "../../src/domain/Route.ts"
import { Usd } from "../../src/domain/Usd.ts"
import { WorkOrder } from "../../src/domain/WorkOrder.ts"
import * as Environment from "../../src/layers/Environment.ts"
import * as LoopbackGateway from "../../src/layers/LoopbackGateway.ts"
import type { Input } from "../../src/services/Contract.ts"
import {
  type GatewayAccess,
  ModelGateway,
  type ModelGatewayContract
} from "../../src/services/ModelGateway.ts"
import { Projects } from "../../src/services/Projects.ts"
import { WorkOrders } from "../../src/services/WorkOrders.ts"
import * as TestDatabase from "./TestDatabase.ts"
import { order as anyOrder, project as anyProject } from "./World.ts"

/** The providers' keys: in nothing that programs, rows or accounts show. */
export const keys = { openai: "real-openai-key-0123456789", anthropic: "real-anthropic-key-0123456789" }

/** A dollar per million tokens of input and two of output, and other prices for the cache. */
export const choice: ModelChoice = {
  provider: "openai",
  model: "gpt-test",
  maxOutputTokens: 500,
  inputPerMillion: Usd.make(1_000_000),
  cacheReadPerMillion: Usd.make(100_000),
  outputPerMillion: Usd.make(2_000_000)
}
export const claude: ModelChoice = {
  ...choice,
  provider: "anthropic",
  model: "claude-test",
  cacheWritePerMillion: Usd.make(1_250_000),
  cacheWriteLongPerMillion: Usd.make(2_000_000)
}

/** The store in a database of its own. */
export const store = Environment.store.pipe(Layer.provideMerge(TestDatabase.layer))

/** A gateway to a server that speaks both protocols. */
export const layerTo = (url: string) =>
  LoopbackGateway.layer({
    openai: { apiKey: Redacted.make(keys.openai), baseUrl: `${url}/v1` },
    anthropic: { apiKey: Redacted.make(keys.anthropic), baseUrl: url }
  })

let count = 0

/** An order of a project of its own. */
export const submit = Effect.fnUntraced(function* (limits: { daily: number; order: number }) {
  const projects = yield* Projects
  const orders = yield* WorkOrders
  const project = new Project({
    ...anyProject,
    id: ProjectId.make(`gateway-${++count}`),
    limits: { dailyUsd: Usd.make(limits.daily), workOrderUsd: Usd.make(limits.order) },
    timeZone: DateTime.zoneMakeNamedUnsafe("UTC")
  })
  yield* projects.put(project)
  const order = new WorkOrder({
    ...anyOrder,
    id: WorkOrderId.make(`gateway-order-${count}`),
    project: project.id
  })
  yield* orders.submit(order)
  return order.id
})

export const plenty = { daily: 20_000_000, order: 2_000_000 }

type Open = Input<typeof ModelGatewayContract, "open">

/** What an access to `choice` is opened with. */
export const granting = (workOrderId: WorkOrderId, more: Partial<Open> = {}): Open => ({
  workOrderId,
  run: Run.make(1),
  call: "applying/program/1",
  category: "applying",
  rule: "first",
  model: choice,
  ...more
})

/** An access until the scope closes. */
export const opened = (open: Open) =>
  Effect.gen(function* () {
    const gateway = yield* ModelGateway
    return yield* Effect.acquireRelease(gateway.open(open), ({ id }) => gateway.close({ id }))
  })

/** The official clients as programs use them: with the token for a key, and with their own retries. */
export const openAiClient = ({ baseUrl, token }: GatewayAccess) =>
  new OpenAI({ apiKey: Redacted.value(token), baseURL: baseUrl, logLevel: "off" })
export const anthropicClient = ({ anthropicUrl, token }: GatewayAccess) =>
  new Anthropic({ apiKey: Redacted.value(token), authToken: null, baseURL: anthropicUrl, logLevel: "off" })

export const ask = (prompt: string, more: Record<string, unknown> = {}) => ({
  model: choice.model,
  messages: [{ role: "user", content: prompt } as const],
  ...more
})

/** Asks with fetch: nothing between the test and the gateway. */
export const post = (
  { baseUrl, token }: Pick<GatewayAccess, "baseUrl" | "token">,
  body: unknown,
  path = "/chat/completions"
) =>
  Effect.promise(async (signal) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${Redacted.value(token)}`, "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text }
  })

interface Row {
  readonly call: string
  readonly state: string
  readonly reserved: number
  readonly settled: number | null
  readonly rule: string
  readonly category: string
}

/** The ledger's rows of an order, oldest first. */
export const rows = (workOrderId: WorkOrderId) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<Row>`
      select call, state, reserved_micros::int as reserved, settled_micros::int as settled, rule, category
      from public.cost_tracking where work_order = ${workOrderId} order by created_at, call`
  )

/** Everything that the database keeps, as one text. */
export const everyRow = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const tables = [
    "public.cost_tracking",
    "moose.model_replies",
    "public.work_order_events",
    "public.error_events"
  ]
  const texts: Array<string> = []
  for (const table of tables) {
    const [row] = yield* sql<{ text: string }>`
      select coalesce(jsonb_agg(to_jsonb(t))::text, '') as text from ${sql.literal(table)} t`
    texts.push(row?.text ?? "")
  }
  return texts.join("\n")
})
