import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted, Schema } from "effect"
import type { Status } from "../../../src/domain/Status.ts"
import type { Lane } from "../Lane.ts"
import type { Trace } from "../Messages.ts"
import type { Call } from "../Model.ts"

/* What the database and the forge say of a schedule's order, asked without anything of Moose's. */

export interface Scene {
  readonly lane: Lane
  readonly home: string
  readonly forgeUrl: string
  readonly token: Redacted.Redacted<string>
  /** The repository that the forge serves. */
  readonly location: string
  readonly repository: { readonly owner: string; readonly name: string }
  readonly project: string
  readonly order: string
  /** Nothing stands in its way but processes that die. */
  readonly canBeDone: boolean
  readonly calls: ReadonlyArray<Call>
  readonly trace: ReadonlyArray<Trace>
}

export interface Order {
  readonly status: Status
  readonly disposition: string | null
  readonly headSha: string | null
  readonly pullRequest: number | null
  readonly waitingFor: string | null
  readonly state: string
  readonly escalated: number
  readonly outcomes: number
  readonly failure: { readonly step: string; readonly tag: string; readonly message: string } | null
}
export interface Resource {
  readonly kind: string
  readonly name: string
  readonly run: number
  readonly state: "intended" | "held" | "released" | "preserved"
  readonly evidence: unknown
  readonly reason: string | null
}
export interface Cost {
  readonly call: string
  readonly state: "reserved" | "settled" | "cancelled" | "presumed"
  readonly reserved: number
  readonly settled: number | null
  readonly tokens: number | null
}
export interface Journaled {
  readonly name: string
  readonly at: number
  readonly ended: string | null
  readonly tokens: number | null
}

export const readOrder = (id: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql<Order>`
      select w.status, w.disposition, w.head_sha as "headSha", w.pull_request_number as "pullRequest",
             w.waiting_for as "waitingFor", x.state, w.last_failure as failure,
             (select count(*)::int from public.escalation_orders o where o.work_order = w.id) as escalated,
             (select count(*)::int from public.outcome_vectors o where o.work_order = w.id and o.succeeded) as outcomes
      from public.work_orders w join moose.executions x on x.work_order = w.id and x.run = w.run
      where w.id = ${id}`.pipe(Effect.map(([row]) => row))
  )

export const readResources = (id: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) =>
      sql<Resource>`select kind, name, run, state, evidence, reason from public.resources where work_order = ${id} order by id`
  )

export const readCosts = (id: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<Cost>`
      select call, state, reserved_micros::float8 as reserved, settled_micros::float8 as settled,
             (usage->>'inputTokens')::int as tokens
      from public.cost_tracking where work_order = ${id} order by created_at`
  )

export const readJournal = (id: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<Journaled>`
      select name, (extract(epoch from at) * 1000)::float8 as at,
             case when result->>'_tag' = 'Complete' and coalesce(result->'exit'->'value'->>'_tag', '') not in ('Parked', 'Asked')
               then result->'exit'->>'_tag' end as ended,
             (result->'exit'->'value'->'usage'->>'inputTokens')::int as tokens
      from moose.activity_results where execution like ${`${id}/%`} order by at`
  )

export const Pull = Schema.Struct({
  number: Schema.Int,
  state: Schema.String,
  head: Schema.Struct({ ref: Schema.String, sha: Schema.String })
})
export type Pull = typeof Pull.Type
const readPulls = Schema.decodeUnknownEffect(Schema.Array(Pull))

/** All that the forge knows, asked without anything of Moose's. */
export const pulls = ({ lane, repository }: Scene) =>
  Effect.tryPromise(async () => {
    const { token, url } = lane.forge
    const answer = await fetch(`${url}/repos/${repository.owner}/${repository.name}/pulls?state=all`, {
      headers: { authorization: `Bearer ${Redacted.value(token)}` }
    })
    const body: unknown = await answer.json()
    return body
  }).pipe(Effect.flatMap(readPulls))
