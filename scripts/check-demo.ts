import assert from "node:assert/strict"
import { join } from "node:path"
import { Schema } from "effect"
import { Checks, run } from "./Checks.ts"

// The demo as the README shows it, once well and once with a failure.

const View = Schema.fromJsonString(
  Schema.Struct({
    status: Schema.String,
    headSha: Schema.NullOr(Schema.String),
    pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
    failure: Schema.NullOr(Schema.Struct({ step: Schema.String, tag: Schema.String, hint: Schema.String }))
  })
)

const demo = (...args: ReadonlyArray<string>) => {
  const cwd = join(import.meta.dirname, "..")
  const npm = ["run", "-s", "demo", "--", "--json", ...args]
  const { code, stdout, stderr } = run("npm", npm, { cwd, env: process.env, timeoutMs: 300_000 })
  // One JSON object and nothing beside it, or it does not decode.
  return { code, said: `${stdout}\n${stderr}`, view: () => Schema.decodeUnknownSync(View)(stdout) }
}

const checks = new Checks()

checks.check("npm run demo completes with a pull request", () => {
  const { code, said, view } = demo()
  assert.equal(code, 0, said)
  const { status, headSha, pullRequest } = view()
  assert.equal(status, "completed")
  assert.match(headSha ?? "", /^[0-9a-f]{40}$/)
  return `#${pullRequest?.number ?? assert.fail("there is no pull request")}`
})

checks.check("npm run demo -- --fail PushRejected fails, and says why", () => {
  const { code, said, view } = demo("--fail", "PushRejected")
  assert.equal(code, 1, said)
  const { status, failure } = view()
  assert.deepEqual([status, failure?.step, failure?.tag], ["pr_failed", "creating_pr", "PushRejected"])
  assert.notEqual(failure?.hint, "")
})

process.exitCode = checks.conclude() ? 0 : 1
