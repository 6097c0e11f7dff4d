import { Duration } from "effect"
import { ChecksFailed, EditorCrashed } from "../../src/domain/errors/ApplyError.ts"
import { ProviderOverloaded, ProviderUnavailable } from "../../src/domain/errors/GenerationError.ts"
import { ForgeFailed } from "../../src/domain/errors/PullRequestError.ts"
import * as Evidence from "../../src/domain/errors/Evidence.ts"
import {
  RateLimited,
  RemoteUnreachable,
  RepositoryLocked,
  LedgerUnavailable,
  StoreUnavailable,
  TimedOut
} from "../../src/domain/errors/Reasons.ts"
import { ManagerUnreachable } from "../../src/domain/errors/RoutingError.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import type { Fault } from "./Weather.ts"

/*
 * What goes wrong, in calls of a thousand. The shares are those of a bad week: a provider near its limits, a
 * forge that answers 502 now and then, a network that drops connections, and a replica that fails over.
 */

type Faults<E> = ReadonlyArray<Fault<E>>

const model = "gpt-5-mini"
const remote = "https://forge.invalid/o/r.git"
const said = (operation: string, excerpt: string, httpStatus?: number, retryAfterSeconds?: number) =>
  Evidence.make({
    operation,
    excerpt,
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterMs: retryAfterSeconds * 1000 })
  })

/** What a classifier makes of what surely passes by itself. */
const passing = {
  tag: "Passing",
  category: "transient",
  blame: "platform",
  severity: "medium",
  retryable: true,
  sideEffect: "possible",
  hint: "Nothing to do: it passes by itself.",
  retryAfterMs: null
} as const

const chat = "POST /chat/completions"
const unavailable = (excerpt: string, status?: number) => () =>
  new ProviderUnavailable({ model, evidence: said(chat, excerpt, status) })
const hungModel = () =>
  new TimedOut({ operation: `asking ${model}`, limitMs: Duration.toMillis(Limits.modelCall) })

export const provider: Faults<RateLimited | ProviderOverloaded | ProviderUnavailable | TimedOut> = [
  {
    name: "model: 429 with Retry-After",
    perMille: 40,
    reason: () => new RateLimited({ service: "OpenAI", evidence: said(chat, "Rate limit reached", 429, 20) })
  },
  {
    name: "model: 429 without",
    perMille: 30,
    reason: () => new RateLimited({ service: "OpenAI", evidence: said(chat, "Rate limit reached", 429) })
  },
  {
    name: "model: 529",
    perMille: 30,
    reason: () => new ProviderOverloaded({ model, evidence: said(chat, "overloaded_error", 529) })
  },
  { name: "model: 500", perMille: 20, reason: unavailable("The server had an error", 500) },
  { name: "model: connection dropped", perMille: 10, reason: unavailable("socket hang up") },
  { name: "model: lost reply", perMille: 10, reason: unavailable("socket hang up"), lost: true },
  { name: "model: timeout", perMille: 10, reason: hungModel, takes: Limits.modelCall }
]

export const providerDown: Faults<ProviderUnavailable | TimedOut> = [
  { name: "model: 503", perMille: 800, reason: unavailable("Service Unavailable", 503) },
  { name: "model: timeout", perMille: 200, reason: hungModel, takes: Limits.modelCall }
]

const unreachable = (operation: string, excerpt: string) => () =>
  new RemoteUnreachable({ remote, evidence: said(operation, excerpt) })
const hungGit = (operation: string) => () =>
  new TimedOut({ operation, limitMs: Duration.toMillis(Limits.gitRemote) })
const locked = (operation: string) => () =>
  new RepositoryLocked({ path: "/mirrors/sample.git", evidence: said(operation, "index.lock: File exists") })

export const git = (operation: string): Faults<RemoteUnreachable | TimedOut | RepositoryLocked> => [
  {
    name: "git: remote unreachable",
    perMille: 15,
    reason: unreachable(operation, "Could not resolve host")
  },
  {
    name: "git: connection dropped",
    perMille: 10,
    reason: unreachable(operation, "the remote end hung up unexpectedly")
  },
  { name: "git: timeout", perMille: 5, reason: hungGit(operation), takes: Limits.gitRemote },
  { name: "git: repository locked", perMille: 10, reason: locked(operation) }
]

export const gitDown = (operation: string): Faults<RemoteUnreachable | TimedOut> => [
  { name: "git: remote unreachable", perMille: 800, reason: unreachable(operation, "Connection refused") },
  { name: "git: timeout", perMille: 200, reason: hungGit(operation), takes: Limits.gitRemote }
]

export const push: Faults<RemoteUnreachable | TimedOut | RepositoryLocked> = [
  ...git("git push"),
  {
    name: "git: lost reply of a push",
    perMille: 20,
    reason: unreachable("git push", "the remote end hung up unexpectedly"),
    lost: true
  }
]

export const gitHere: Faults<RepositoryLocked> = [
  { name: "git: repository locked", perMille: 10, reason: locked("git commit") }
]

const failed = (operation: string, status: number) => () =>
  new ForgeFailed({ evidence: { ...said(operation, "Bad Gateway", status), condition: passing } })
const slowDown = (operation: string, seconds: number) => () =>
  new RateLimited({
    service: "https://api.forge.invalid",
    evidence: said(operation, "secondary rate limit", 403, seconds)
  })
const hungForge = (operation: string) => () =>
  new TimedOut({ operation, limitMs: Duration.toMillis(Limits.forgeCall) })
const noForge = (operation: string) => () =>
  new RemoteUnreachable({ remote: "https://api.forge.invalid", evidence: said(operation, "read ECONNRESET") })

export const forge = (
  operation: string
): Faults<ForgeFailed | RateLimited | RemoteUnreachable | TimedOut> => [
  { name: "forge: 502", perMille: 20, reason: failed(operation, 502) },
  { name: "forge: rate limit", perMille: 20, reason: slowDown(operation, 60) },
  { name: "forge: connection dropped", perMille: 10, reason: noForge(operation) },
  { name: "forge: timeout", perMille: 5, reason: hungForge(operation), takes: Limits.forgeCall }
]

export const forgeDown = (operation: string): Faults<ForgeFailed | TimedOut> => [
  { name: "forge: 503", perMille: 800, reason: failed(operation, 503) },
  { name: "forge: timeout", perMille: 200, reason: hungForge(operation), takes: Limits.forgeCall }
]

export const creation: Faults<ForgeFailed | RateLimited | RemoteUnreachable | TimedOut> = [
  ...forge("POST /repos/{owner}/{repo}/pulls"),
  {
    name: "forge: lost reply of a creation",
    perMille: 20,
    reason: noForge("POST /repos/{owner}/{repo}/pulls"),
    lost: true
  }
]

export const store: Faults<StoreUnavailable> = [
  {
    name: "store: blip",
    perMille: 3,
    reason: () =>
      new StoreUnavailable({ evidence: said("moose", "terminating connection due to administrator command") })
  }
]

/** The ledger is in the same database. */
export const ledger: Faults<LedgerUnavailable> = [
  {
    name: "ledger: blip",
    perMille: 3,
    reason: () =>
      new LedgerUnavailable({
        evidence: said("moose", "terminating connection due to administrator command")
      })
  }
]

export const manager: Faults<ManagerUnreachable> = [
  {
    name: "manager: unreachable",
    perMille: 20,
    reason: () => new ManagerUnreachable({ evidence: said("POST /route", "ECONNREFUSED") })
  }
]

export const editor: Faults<EditorCrashed> = [
  {
    name: "editor: crash",
    perMille: 5,
    reason: () =>
      new EditorCrashed({ editor: "built-in", evidence: { ...said("edit", "killed"), condition: passing } })
  }
]

export const checks: Faults<ChecksFailed> = [
  {
    name: "check: fails once",
    perMille: 10,
    reason: () =>
      new ChecksFailed({ check: "test", log: "not ok 1", evidence: said("npm test", "1 failing") })
  }
]

/** So many of a thousand runs meet an outage of one dependency, of 1 to 60 minutes, that begins in their first minute. */
export const outages = { perMille: 50, dependencies: ["provider", "git", "forge"] }

/** How long a call takes that goes well. */
export const latency = {
  model: Duration.seconds(20),
  git: Duration.seconds(2),
  forge: Duration.millis(400),
  here: Duration.millis(100),
  store: Duration.millis(5),
  check: Duration.seconds(10)
}
