import { assert, layer } from "@effect/vitest"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Queue, Redacted } from "effect"
import * as Cli from "./support/Cli.ts"
import * as Loopback from "./support/Loopback.ts"
import * as TestDatabase from "./support/TestDatabase.ts"

const listed = {
  object: "list",
  data: [
    { id: "gpt-5", object: "model" },
    { id: "claude-opus-5", type: "model" }
  ]
}
/** It starts a forge and looks at a database, each time. */
const timeoutMs = 300_000
const key = "not-a-real-key-0123456789"

const doctor = (env: Record<string, string>, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { url } = yield* TestDatabase.TestDatabase
    const home = yield* fs.makeTempDirectoryScoped({ prefix: "moose-doctor-" })
    return yield* Cli.here(["doctor", ...flags], {
      MOOSE_HOME: home,
      DATABASE_URL: Redacted.value(url),
      ...env
    })
  })

layer(Layer.merge(TestDatabase.layer, NodeServices.layer))("moose doctor", (it) => {
  it.effect(
    "asks each provider for its models, with its key, when it is told to, and otherwise nobody",
    () =>
      Effect.gen(function* () {
        const asked: Array<string | undefined> = []
        const server = yield* Loopback.serve((request, response) => {
          asked.push(`${request.url} ${request.headers.authorization}`)
          Loopback.reply(200, listed)(request, response)
        })
        const env = {
          OPENAI_API_KEY: key,
          OPENAI_BASE_URL: `${server.url}/v1`,
          ANTHROPIC_API_KEY: `${key}-2`,
          ANTHROPIC_BASE_URL: server.url,
          MOOSE_MODEL: "claude-sonnet-5"
        }
        const quiet = yield* doctor(env)
        assert.strictEqual(quiet.code, 0, quiet.stdout)
        assert.include(quiet.stdout, `${server.url}/v1 and ${server.url}, claude-sonnet-5`)
        assert.strictEqual(yield* Queue.size(server.seen), 0)

        const told = yield* doctor(env, "--keys")
        assert.strictEqual(told.code, 0, told.stdout)
        assert.match(told.stdout, /✓ openai +OPENAI_API_KEY is accepted, 2 models listed$/m)
        assert.match(
          told.stdout,
          /✓ anthropic +ANTHROPIC_API_KEY is accepted, 2 models listed; claude-sonnet-5 \(MOOSE_MODEL\) is not among them$/m
        )
        assert.deepStrictEqual(asked.toSorted(), [`/v1/models Bearer ${key}`, `/v1/models Bearer ${key}-2`])
      }),
    timeoutMs
  )

  it.effect(
    "a key that is refused is a finding with a fix, without the key in it",
    () =>
      Effect.gen(function* () {
        const refusal = {
          type: "error",
          error: { type: "authentication_error", message: `invalid x-api-key ${key}` }
        }
        const server = yield* Loopback.serve(Loopback.reply(401, refusal))
        const port = yield* Loopback.closedPort
        const found = yield* doctor(
          {
            ANTHROPIC_API_KEY: key,
            ANTHROPIC_BASE_URL: server.url,
            OPENAI_API_KEY: key,
            OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`
          },
          "--keys"
        )
        assert.strictEqual(found.code, 1)
        assert.match(
          found.stdout,
          /✗ anthropic +anthropic did not accept the credentials: invalid x-api-key .*\n +\S/
        )
        assert.match(
          found.stdout,
          /✗ openai +The provider of openai's list cannot be reached .*ECONNREFUSED.*\n +\S/
        )
        assert.notInclude(found.stdout, key)
      }),
    timeoutMs
  )
})
