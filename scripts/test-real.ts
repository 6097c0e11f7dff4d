import { readFileSync } from "node:fs"
import { NodeRuntime } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Console, Effect, Layer, Redacted } from "effect"
import type { ModelChoice } from "../src/domain/Route.ts"
import { Usd } from "../src/domain/Usd.ts"
import * as Environment from "../src/layers/Environment.ts"
import * as LanguageModelProposer from "../src/layers/LanguageModelProposer.ts"
import { look } from "../src/layers/aider/Look.ts"
import { Settings } from "../src/layers/Settings.ts"
import { Git } from "../src/services/Git.ts"
import { Proposer } from "../src/services/Proposer.ts"
import { AiMock, timesAsked } from "../test/support/AiMock.ts"
import * as Venv from "../test/aider/Venv.ts"
import * as Worker from "../test/aider/Worker.ts"

// One order through the whole pipeline, and a call in each model protocol: says which parts that exercised for real,
// and their versions. A part that is absent is printed as absent; with --ci, or with CI set, it is a failure.

const strict = process.argv.includes("--ci") || !["", "0", "false", undefined].includes(process.env["CI"])

interface Part {
  readonly name: string
  /** What was there and what it did, or null where it is absent. */
  readonly seen: string | null
}
const parts: Array<Part> = []
const real = (name: string, seen: string) => parts.push({ name, seen })
const absent = (name: string, why: string) => {
  parts.push({ name, seen: null })
  return Console.log(`  ${name}: ${why}`)
}

const versionOf = (pkg: string): string => {
  const file = new URL(`../node_modules/${pkg}/package.json`, import.meta.url)
  return /"version": "([^"]+)"/.exec(readFileSync(file, "utf8"))?.[1] ?? "unknown"
}

/** A question in a provider's protocol, by its official client, over HTTP. */
const asks = Effect.fnUntraced(function* (provider: "openai" | "anthropic", client: string) {
  const mock = yield* AiMock
  const word = `are you ${provider}`
  mock.onMessage(word, {
    content: "yes",
    usage: { prompt_tokens: 12, completion_tokens: 3, input_tokens: 12, output_tokens: 3 }
  })
  const apiKey = Redacted.make("not-a-real-key-0123456789")
  const model: ModelChoice = {
    provider,
    model: provider === "openai" ? "gpt-test" : "claude-test",
    maxOutputTokens: 100,
    inputPerMillion: Usd.make(1),
    outputPerMillion: Usd.make(1)
  }
  const options = {
    ...(provider === "openai"
      ? { openai: { apiKey, baseUrl: `${mock.url}/v1` } }
      : { anthropic: { apiKey, baseUrl: mock.url } }),
    offline: false
  }
  const reply = yield* Effect.flatMap(Proposer, (proposer) =>
    proposer.ask({ model, system: "", prompt: word })
  ).pipe(Effect.provide(LanguageModelProposer.layer(options)))
  if (reply.text !== "yes" || timesAsked(mock, word) !== 1)
    return yield* Effect.fail(new Error(`${provider}: ${reply.text}`))
  real(
    `${provider}'s protocol`,
    `${client} ${versionOf(client)} against @copilotkit/aimock ${versionOf("@copilotkit/aimock")}; no provider's own server`
  )
})

/** One order: with Aider where there is one, else with the built-in editor. */
const order = Effect.gen(function* () {
  const { editor } = yield* Settings
  const git = yield* Git
  const sql = yield* PgClient.PgClient
  yield* Worker.seed
  Worker.proposes(yield* AiMock, "round-well", [Worker.rounding])
  const done = yield* Worker.ends(yield* Worker.submit("round-well"))
  const [row] = yield* sql<{ version: string }>`select current_setting('server_version') as version`
  if (done.status !== "completed") return yield* Effect.fail(new Error(JSON.stringify(done.failure)))
  real("PostgreSQL", `${row?.version ?? "unknown"}, embedded: all state of the order`)
  real("git", `${yield* git.version({})}: mirror, worktree, commit, push over HTTP`)
  real(
    "local forge",
    `moose ${versionOf("..")}: pull request #${done.pullRequest?.number} for ${done.headSha?.slice(0, 10)}`
  )
  if (editor !== "aider") return
  const paid = yield* Worker.ledger(done.order.id)
  const calls = paid.filter(({ call }) => call.startsWith("applying/editor/")).length
  real("model gateway", `${calls} call of Aider's, settled in the ledger`)
})

const program = Effect.gen(function* () {
  real("Node", process.versions.node)
  const aider = Venv.found()
  if (aider === undefined) {
    yield* absent("Aider", "there is none; npm run test:aider installs one, MOOSE_AIDER names another")
    yield* absent("model gateway", "nobody here asks through it without Aider")
  } else real("Aider", `${yield* look(aider)}: made the order's edit`)
  yield* order.pipe(
    Effect.provide(Worker.layerOn(Environment.database, aider ?? null)),
    Effect.catch((error) =>
      absent("an order through the pipeline", error instanceof Error ? error.message : String(error))
    )
  )
  for (const [provider, client] of [
    ["openai", "openai"],
    ["anthropic", "@anthropic-ai/sdk"]
  ] as const) {
    yield* asks(provider, client).pipe(
      Effect.catch((error) => absent(`${provider}'s protocol`, error.message))
    )
  }
  yield* Console.log("exercised for real:")
  for (const { name, seen } of parts)
    yield* Console.log(`  ${(seen === null ? "ABSENT" : "real").padEnd(6)} ${name.padEnd(20)} ${seen ?? ""}`)
  const missing = parts.filter(({ seen }) => seen === null).length
  yield* Console.log(`${parts.length - missing} passed, ${strict ? missing : 0} failed`)
  if (strict && missing > 0) process.exitCode = 1
})

NodeRuntime.runMain(
  program.pipe(Effect.provide(AiMock.layer), Effect.provide(Layer.fresh(Environment.platform)))
)
