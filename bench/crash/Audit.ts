import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { Effect, Option, Redacted, Schema } from "effect"
import { isSettled, type Status, stepNames } from "../../src/domain/Status.ts"
import { git, type Lane } from "./Lane.ts"
import type { Trace } from "./Messages.ts"
import type { Call } from "./Model.ts"
import * as Reconcile from "./Reconcile.ts"

/* What must be true after a schedule, whatever happened in it. Each sentence says what is not. */

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

interface Order {
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
interface Resource {
  readonly kind: string
  readonly name: string
  readonly run: number
  readonly state: "intended" | "held" | "released" | "preserved"
  readonly evidence: unknown
  readonly reason: string | null
}
interface Cost {
  readonly call: string
  readonly state: "reserved" | "settled" | "cancelled" | "presumed"
  readonly reserved: number
  readonly settled: number | null
  readonly tokens: number | null
}
interface Journaled {
  readonly name: string
  readonly at: number
  readonly ended: string | null
  readonly tokens: number | null
}

const readOrder = (id: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql<Order>`
      select w.status, w.disposition, w.head_sha as "headSha", w.pull_request_number as "pullRequest",
             w.waiting_for as "waitingFor", x.state, w.last_failure as failure,
             (select count(*)::int from public.escalation_orders o where o.work_order = w.id) as escalated,
             (select count(*)::int from public.outcome_vectors o where o.work_order = w.id and o.succeeded) as outcomes
      from public.work_orders w join moose.executions x on x.work_order = w.id and x.run = w.run
      where w.id = ${id}`.pipe(Effect.map(([row]) => row))
  )

const readResources = (id: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) =>
      sql<Resource>`select kind, name, run, state, evidence, reason from public.resources where work_order = ${id} order by id`
  )

const readCosts = (id: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<Cost>`
      select call, state, reserved_micros::float8 as reserved, settled_micros::float8 as settled,
             (usage->>'inputTokens')::int as tokens
      from public.cost_tracking where work_order = ${id} order by created_at`
  )

const readJournal = (id: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql<Journaled>`
      select name, (extract(epoch from at) * 1000)::float8 as at,
             case when result->>'_tag' = 'Complete' and coalesce(result->'exit'->'value'->>'_tag', '') not in ('Parked', 'Asked')
               then result->'exit'->>'_tag' end as ended,
             (result->'exit'->'value'->'usage'->>'inputTokens')::int as tokens
      from moose.activity_results where execution like ${`${id}/%`} order by at`
  )

const Pull = Schema.Struct({
  number: Schema.Int,
  state: Schema.String,
  head: Schema.Struct({ ref: Schema.String, sha: Schema.String })
})
const readPulls = Schema.decodeUnknownEffect(Schema.Array(Pull))

/** All that the forge knows, asked without anything of Moose's. */
const pulls = ({ lane, repository }: Scene) =>
  Effect.tryPromise(async () => {
    const { token, url } = lane.forge
    const answer = await fetch(`${url}/repos/${repository.owner}/${repository.name}/pulls?state=all`, {
      headers: { authorization: `Bearer ${Redacted.value(token)}` }
    })
    const body: unknown = await answer.json()
    return body
  }).pipe(Effect.flatMap(readPulls))

/** How the order ended. */
const ended = (order: Order, canBeDone: boolean): ReadonlyArray<string> => {
  const { disposition, escalated, failure, outcomes, state, status, waitingFor } = order
  if (status === "waiting") return waitingFor === null ? ["it waits, and no reason is given"] : []
  if (status === "needs_review") return escalated === 0 ? ["it waits for a person who was not told"] : []
  if (!isSettled(status)) return [`it did not end: ${status}`]
  return [
    ...(status === "completed" || !canBeDone
      ? []
      : [`it could have been done, and is ${status}: ${failure?.message ?? ""}`]),
    ...(state === "done" ? [] : [`it is ${status}, and its execution ${state}`]),
    ...(status === "completed" || (disposition !== null && disposition !== "rollback_pending")
      ? []
      : [`it is ${status}, left ${disposition ?? "without a word"}`]),
    ...(outcomes === (status === "completed" ? 1 : 0) ? [] : [`it is ${status} with ${outcomes} outcomes`])
  ]
}

/** Money: the ledger beside the provider's books. */
const money = (
  costs: ReadonlyArray<Cost>,
  calls: ReadonlyArray<Call>,
  journal: ReadonlyArray<Journaled>
): ReadonlyArray<string> => {
  const byTokens = new Map(calls.map((call) => [call.inputTokens, call]))
  const wrong = costs.flatMap(({ call, settled, state, tokens }) => {
    if (state !== "settled") return []
    const billed = byTokens.get(tokens ?? 0)?.micros
    return billed === settled
      ? []
      : [`${call} is settled at ${settled}, and was billed ${billed ?? "nothing"}`]
  })
  const twice = costs
    .filter(({ state }) => state === "settled")
    .filter(({ tokens }, index, all) => all.findIndex((it) => it.tokens === tokens) !== index)
    .map(({ call }) => `${call} is settled with the bill of another call`)
  const counted = costs.reduce(
    (sum, { reserved, settled, state }) => sum + (state === "cancelled" ? 0 : (settled ?? reserved)),
    0
  )
  const billed = calls.reduce((sum, { micros }) => sum + micros, 0)
  const again = journal.flatMap(({ at, name, tokens }) => {
    const bought = byTokens.get(tokens ?? 0)
    if (bought === undefined) return []
    return calls
      .filter((call) => call.number > bought.number && call.question === bought.question && call.at > at)
      .map(({ number }) => `call ${number} bought what was journaled as ${name}`)
  })
  return [
    ...wrong,
    ...twice,
    ...again,
    ...(counted >= billed ? [] : [`${counted} micro-dollars are counted, and ${billed} were billed`]),
    ...costs.flatMap(({ call, state }) => (state === "reserved" ? [`${call} is still reserved`] : []))
  ]
}

const commitMs = 250

/** The steps that have come to their end, which a wait is not. */
const finished = (journal: ReadonlyArray<Journaled>) =>
  journal.filter(({ ended, name }) => ended !== null && stepNames.some((step) => step === name))

/** A step that has ended does nothing any more. Its end is dated a moment before it is committed. */
const repeated = (journal: ReadonlyArray<Journaled>, trace: ReadonlyArray<Trace>): ReadonlyArray<string> =>
  finished(journal).flatMap(({ at, name }) =>
    trace.flatMap((line) =>
      line._tag === "Did" && line.step === name && line.phase === "before" && line.at > at + commitMs
        ? [`${name} had ended, and ${line.effect} was begun for it ${Math.round(line.at - at)} ms later`]
        : []
    )
  )

const inFolder = (directory: string) => (existsSync(directory) ? readdirSync(directory) : [])

/** Every `refs/` line of a repository below some prefixes, as name and commit. */
const refs = Effect.fnUntraced(function* (directory: string, ...under: ReadonlyArray<string>) {
  if (!existsSync(directory)) return []
  const text = yield* git(directory, "for-each-ref", "--format=%(refname) %(objectname)", ...under)
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", sha = ""] = line.split(" ")
      return { name, sha }
    })
})

const locksIn = (directory: string): ReadonlyArray<string> =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".lock"))
    : []

const readQuarantined = Schema.decodeUnknownOption(
  Schema.Struct({ quarantined: Schema.NullOr(Schema.String) })
)

/** Everything there is, and whether a row says why; every row, and whether what it says is so. */
const explained = Effect.fnUntraced(function* (scene: Scene, order: Order) {
  const { home, location, project } = scene
  const rows = yield* readResources(scene.order)
  const found: Array<string> = []
  const over = isSettled(order.status)
  const mirror = join(home, "mirrors", `${project}.git`)

  const claims = (kind: string, name: string) =>
    rows.some((row) => {
      if (row.kind !== kind || row.name !== name) return false
      return row.state === "preserved" || (!over && row.state !== "released")
    })

  const branches = (yield* refs(mirror, "refs/heads/moose")).map(({ name }) =>
    name.slice("refs/heads/".length)
  )
  const remote = (yield* refs(location, "refs/heads/moose")).map(({ name, sha }) => ({
    name: name.slice("refs/heads/".length),
    sha
  }))
  const open = (yield* pulls(scene)).filter(({ state }) => state === "open")
  const folder = join(home, "worktrees", project)
  const worktrees = inFolder(folder).map((name) => join(folder, name))
  const instructions = inFolder(join(home, "instructions")).map((name) => join(home, "instructions", name))
  const there: Readonly<Record<string, ReadonlyArray<string>>> = {
    worktree: worktrees,
    instruction_file: instructions,
    branch: branches,
    remote_branch: remote.map(({ name }) => name),
    pull_request: open.map(({ head }) => head.ref)
  }

  for (const [kind, names] of Object.entries(there)) {
    for (const name of names) if (!claims(kind, name)) found.push(`nothing explains the ${kind} ${name}`)
  }
  for (const { kind, name, reason, state } of rows) {
    const is = there[kind]?.includes(name) ?? false
    if (state === "preserved" && !is)
      found.push(`the ${kind} ${name} is gone, and was to be kept: ${reason ?? ""}`)
    if (state === "released" && is && !claims(kind, name))
      found.push(`the ${kind} ${name} is there, and is said to be gone`)
    if ((state === "intended" || state === "held") && over)
      found.push(`the ${kind} ${name} is still ${state}`)
  }

  const quarantined = rows.flatMap(({ evidence, kind }) =>
    kind === "branch"
      ? Option.toArray(Option.flatMapNullishOr(readQuarantined(evidence), (it) => it.quarantined))
      : []
  )
  const kept = yield* refs(mirror, "refs/moose")
  for (const { name, sha } of kept) {
    if (!quarantined.includes(sha)) found.push(`nothing explains ${name}`)
  }
  for (const sha of quarantined) {
    if (!kept.some((ref) => ref.sha === sha)) found.push(`${sha} is not in quarantine, and is said to be`)
  }
  // What git remembers of worktrees, besides the bare repository itself.
  if (existsSync(mirror) && worktrees.length === 0) {
    const known = (yield* git(mirror, "worktree", "list", "--porcelain")).split("\n\n").length
    if (known > 1) found.push(`git remembers ${known - 1} worktrees that are gone`)
  }
  if (over) for (const lock of locksIn(mirror)) found.push(`the mirror is locked by ${lock}`)
  return { found, open, remote }
})

/** Exactly one pull request of a completed order, with the evidence that its row has; of others none. */
const published = (
  order: Order,
  open: ReadonlyArray<typeof Pull.Type>,
  all: number,
  remote: ReadonlyArray<{ readonly name: string; readonly sha: string }>
): ReadonlyArray<string> => {
  if (order.status !== "completed") return all > 1 ? [`${all} pull requests of one order`] : []
  const [pull, ...others] = open
  if (pull === undefined) return ["it is completed, and has no pull request"]
  const [branch] = remote
  return [
    ...(others.length === 0 && all === 1 ? [] : [`it is completed with ${all} pull requests`]),
    ...(pull.number === order.pullRequest
      ? []
      : [`its pull request is ${pull.number}, not ${order.pullRequest ?? 0}`]),
    ...(pull.head.sha === order.headSha ? [] : ["its pull request shows another commit than its row"]),
    ...(branch?.sha === order.headSha ? [] : ["its remote branch holds another commit than its row"])
  ]
}

/** Ends the leases of reservations whose owners are gone, as a minute would. */
const expire = Effect.flatMap(
  PgClient.PgClient,
  (sql) =>
    sql`update public.cost_tracking set lease_until = moose.now() - interval '1 second' where state = 'reserved'`
)

export interface Verdict {
  readonly status: string
  /** What it failed with, or met last. */
  readonly failure: string
  readonly violations: ReadonlyArray<string>
  /** What the reconciler repaired. */
  readonly repaired: ReadonlyArray<string>
  /** How many steps had ended. */
  readonly steps: number
}

/** Looks at everything, and says what is not as it must be. */
export const audit = Effect.fnUntraced(function* (scene: Scene) {
  yield* expire
  const nothing: Effect.Success<ReturnType<typeof Reconcile.twice>> = { repaired: [], problems: [] }
  const { problems, repaired } =
    scene.lane.sabotage === "reconciler" ? nothing : yield* Reconcile.twice(scene)
  const order = yield* readOrder(scene.order)
  if (order === undefined)
    return {
      status: "gone",
      failure: "",
      violations: ["the order is gone"],
      repaired,
      steps: 0
    } satisfies Verdict
  const journal = yield* readJournal(scene.order)
  const all = (yield* pulls(scene)).length
  const { found, open, remote } = yield* explained(scene, order)
  const verdict: Verdict = {
    status: order.disposition === null ? order.status : `${order.status} (${order.disposition})`,
    failure: order.failure === null ? "" : `${order.failure.tag}: ${order.failure.message}`,
    violations: [
      ...ended(order, scene.canBeDone),
      ...published(order, open, all, remote),
      ...money(yield* readCosts(scene.order), scene.calls, journal),
      ...repeated(journal, scene.trace),
      ...found,
      ...problems
    ],
    repaired,
    steps: finished(journal).length
  }
  return verdict
})
