import { readFileSync, readdirSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { BudgetExceeded } from "../../../src/domain/errors/Reasons.ts"
import { Usd } from "../../../src/domain/Usd.ts"
import { type Run, failureOf } from "../../../src/layers/aider/Conclude.ts"
import { supported } from "../../../src/layers/aider/Version.ts"
import { classifier } from "../../../src/layers/classifiers/Aider.ts"
import type { GatewayAccount } from "../../../src/services/ModelGateway.ts"
import { Transcript } from "../../aider/Transcript.ts"
import { route } from "../../support/World.ts"

/* What Aider 0.86.2 really did, each time recorded: test/aider/record.ts. */

const folder = fileURLToPath(new URL("../../fixtures/aider/", import.meta.url))
const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Transcript))
const load = (name: string): Transcript => decode(readFileSync(`${folder}${name}.json`, "utf8"))

const nothing: GatewayAccount = { calls: [], settled: Usd.make(0) }
const [model] = route.models
if (model === undefined) throw new Error("the test's route names no model")

const runOf = (transcript: Transcript, account = nothing): Run => ({
  ...transcript,
  relative: (path) => relative("/recorded/worktree", path),
  account,
  model,
  changed: [...transcript.diff.matchAll(/^diff --git a\/(\S+) /gm)].map(([, path]) => path ?? "")
})

const failure = (name: string, account?: GatewayAccount) => failureOf(runOf(load(name), account))

/** What each transcript is, by Aider's own words and log alone, without what the gateway knows. */
const expected: Readonly<
  Record<string, { readonly reason: string | undefined; readonly condition?: string }>
> = {
  success: { reason: undefined },
  "success-after-reflection": { reason: undefined },
  "auth-error-exit-0": { reason: "AuthenticationFailed", condition: "AuthenticationFailed" },
  "no-key": { reason: "AuthenticationFailed", condition: "AuthenticationFailed" },
  "model-unknown": { reason: "ModelNotFound", condition: "ModelUnknown" },
  "context-exceeded": { reason: "ContextWindowExceeded", condition: "TooLong" },
  "output-truncated": { reason: "ContextWindowExceeded", condition: "TooLong" },
  "edits-rejected": { reason: "EditorRejectedEdits", condition: "EditRejected" },
  "edits-half-applied": { reason: "EditorRejectedEdits" },
  "reflections-exhausted": { reason: "EditorRejectedEdits", condition: "EditRejected" },
  "no-changes": { reason: "NoChanges", condition: "NoEdits" },
  "empty-reply": { reason: "NoChanges", condition: "EmptyReply" },
  "budget-refused": { reason: "RequestRejected", condition: "RequestRefused" },
  "no-credit": { reason: "QuotaExhausted", condition: "QuotaExhausted" },
  "rate-limited": { reason: "RateLimited", condition: "RateLimited" },
  "outside-the-worktree": { reason: "UnsafeEdit" },
  "into-git": { reason: "UnsafeEdit" },
  "binary-missing": { reason: "EditorMissing", condition: "ToolMissing" },
  "crashed-repository": { reason: "EditorCrashed" },
  "crashed-usage": { reason: "EditorCrashed", condition: "InvalidRequest" },
  killed: { reason: "EditorCrashed", condition: "ProcessKilled" },
  "timed-out": { reason: "EditorCrashed" }
}

describe("transcripts of Aider", () => {
  it("are all looked at", () => {
    const there = readdirSync(folder).map((name) => name.replace(/\.json$/, ""))
    assert.sameMembers(there, [...Object.keys(expected), "version", "version-wrong"])
  })

  for (const [name, { reason, condition }] of Object.entries(expected)) {
    it(`${name}: ${reason ?? "made"}`, () => {
      const transcript = load(name)
      assert.strictEqual(failure(name)?._tag, reason)
      if (condition === undefined) return
      const { exitCode, signal, stdout, stderr, analytics } = transcript
      const input = { exitCode, signal, stdout, stderr: `${stderr}\n${analytics}` }
      const read = classify(classifier, "message", Schema.decodeUnknownSync(classifier.input)(input))
      assert.strictEqual(read.tag, condition)
    })
  }

  it("exit with 0 whatever came of their calls", () => {
    for (const name of ["auth-error-exit-0", "no-key", "model-unknown", "rate-limited", "budget-refused"]) {
      assert.strictEqual(load(name).exitCode, 0, name)
    }
  })

  it("tell which file did not fit, and how often its model was shown why", () => {
    const exhausted = failure("reflections-exhausted")
    if (exhausted?._tag !== "EditorRejectedEdits") return assert.fail(exhausted?._tag)
    assert.deepInclude({ ...exhausted }, { path: "src/a.js", rounds: 3, edit: null })
    assert.include(exhausted.problem, "SearchReplaceNoExactMatch")
    const rejected = failure("edits-rejected")
    if (rejected?._tag !== "EditorRejectedEdits") return assert.fail(rejected?._tag)
    assert.notProperty(rejected, "rounds")
    assert.strictEqual(rejected.path, "src/a.js")
  })

  it("do not count half a change as one", () => {
    assert.notStrictEqual(load("edits-half-applied").diff, "")
    assert.strictEqual(failure("edits-half-applied")?._tag, "EditorRejectedEdits")
  })

  it("name the file that the fence kept safe", () => {
    const outside = failure("outside-the-worktree")
    if (outside?._tag !== "UnsafeEdit") return assert.fail(outside?._tag)
    assert.strictEqual(outside.path, "../outside.js")
    const git = failure("into-git")
    if (git?._tag !== "UnsafeEdit") return assert.fail(git?._tag)
    assert.strictEqual(git.path, ".git")
  })

  it("count for less than what the gateway saw", () => {
    const reason = new BudgetExceeded({
      scope: "work_order",
      requested: Usd.make(10),
      limit: Usd.make(5),
      settled: Usd.make(0),
      reserved: Usd.make(0),
      presumed: Usd.make(0),
      resetsAt: DateTime.makeUnsafe(0)
    })
    const call = "applying/editor/1/applying/1"
    const refused = { calls: [{ call, outcome: { _tag: "Refused", reason } }], settled: Usd.make(0) } as const
    assert.strictEqual(failure("budget-refused", refused), reason)
    const cut = {
      calls: [
        {
          call,
          outcome: {
            _tag: "Answered",
            finish: "length",
            usage: { inputTokens: 1, outputTokens: 1 },
            amount: Usd.make(1),
            replayed: false
          }
        }
      ],
      settled: Usd.make(1)
    } as const
    assert.strictEqual(failure("output-truncated", cut)?._tag, "OutputTruncated")
  })

  it("of a success are none without its log, its end or its change", () => {
    const well = runOf(load("success"))
    assert.isUndefined(failureOf(well))
    assert.strictEqual(failureOf({ ...well, changed: [] })?._tag, "NoChanges")
    for (const worse of [
      { analytics: "" },
      { analytics: well.analytics.split("\n").slice(0, -2).join("\n") },
      { exitCode: 1 },
      { exitCode: null, signal: "SIGKILL" },
      { stdout: well.stdout.replace(/^Applied edit to .*$/m, "") }
    ]) {
      assert.isDefined(failureOf({ ...well, ...worse }), JSON.stringify(worse).slice(0, 80))
    }
  })

  it("tell its version, and which is not known", () => {
    assert.isTrue(supported(load("version").stdout))
    assert.isFalse(supported(load("version-wrong").stdout))
    assert.match(load("version-wrong").stdout, /^\S+ 0\.85\.5$/m)
  })
})
