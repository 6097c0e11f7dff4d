import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  ApplyError,
  ApplyReason,
  ChecksFailed,
  EditorRejectedEdits
} from "../../src/domain/errors/ApplyError.ts"
import * as Evidence from "../../src/domain/errors/Evidence.ts"
import { Failure } from "../../src/domain/errors/Failure.ts"
import { GenerationError, GenerationReason } from "../../src/domain/errors/GenerationError.ts"
import { PipelineError, type Reason } from "../../src/domain/errors/PipelineError.ts"
import { MassDeletionRefused, NotRemoved, OrderHeld } from "../../src/domain/errors/PremisesError.ts"
import {
  ForgeFailed,
  HeadMoved,
  PullRequestEnded,
  PullRequestError,
  PullRequestReason
} from "../../src/domain/errors/PullRequestError.ts"
import {
  AuthenticationFailed,
  BudgetExceeded,
  GitFailed,
  TimedOut,
  UnknownPrice
} from "../../src/domain/errors/Reasons.ts"
import { RoutingError, RoutingReason } from "../../src/domain/errors/RoutingError.ts"
import { TrackingError, TrackingReason } from "../../src/domain/errors/TrackingError.ts"
import { Run, WorkOrderId } from "../../src/domain/Ids.ts"
import { componentOf } from "../../src/domain/policies/Component.ts"
import { meaningOf } from "../../src/domain/policies/Meaning.ts"
import { samples, serviceSamples } from "../../src/testing/Samples.ts"

const failureOf = (step: Failure["step"], reason: Reason) =>
  new Failure({
    step,
    component: "forge",
    attempt: 1,
    operation: "git push",
    workOrderId: WorkOrderId.make("add-discount"),
    run: Run.make(2),
    tag: reason._tag,
    message: reason.message,
    ...meaningOf(reason),
    retryAfterMs: null,
    excerpt: "",
    causes: [{ tag: "RateLimited", message: "slow down" }],
    state: { unknown: "not asked" }
  })

/** The step errors that a reason may be the reason of. */
const errorsOf = (reason: Reason): ReadonlyArray<PipelineError> => {
  const errors: Array<PipelineError> = []
  if (Schema.is(RoutingReason)(reason)) {
    errors.push(new RoutingError({ reason, failure: failureOf("routing", reason) }))
  }
  if (Schema.is(GenerationReason)(reason)) {
    errors.push(new GenerationError({ reason, failure: failureOf("generating", reason) }))
  }
  if (Schema.is(ApplyReason)(reason)) {
    errors.push(new ApplyError({ reason, failure: failureOf("applying", reason) }))
  }
  if (Schema.is(PullRequestReason)(reason)) {
    errors.push(new PullRequestError({ reason, failure: failureOf("creating_pr", reason) }))
  }
  if (Schema.is(TrackingReason)(reason)) {
    errors.push(new TrackingError({ reason, failure: failureOf("tracking", reason) }))
  }
  return errors
}

const codec = Schema.fromJsonString(Schema.toCodecJson(PipelineError))

describe("every reason", () => {
  for (const [tag, reason] of Object.entries(samples)) {
    describe(tag, () => {
      it("stands under its own tag", () => {
        assert.strictEqual(reason._tag, tag)
      })

      it("encodes to JSON and decodes to itself as the reason of its steps' errors", () => {
        const errors = errorsOf(reason)
        assert.isNotEmpty(errors)
        for (const error of errors) {
          const json = Schema.encodeSync(codec)(error)
          const decoded = Schema.decodeSync(codec)(json)
          assert.strictEqual(decoded._tag, error._tag)
          assert.strictEqual(decoded.message, reason.message)
          assert.strictEqual(decoded.reason.constructor, reason.constructor)
          assert.deepStrictEqual({ ...decoded.reason }, { ...error.reason })
          assert.deepStrictEqual({ ...decoded.failure }, { ...error.failure })
          assert.strictEqual(Schema.encodeSync(codec)(decoded), json)
        }
      })

      it("says what went wrong in one sentence", () => {
        assert.match(reason.message, /^[$\p{L}\p{N}].{10,}$/u)
        assert.notMatch(reason.message, /undefined|\[object|NaN/)
      })

      it("has a meaning with a hint", () => {
        assert.match(meaningOf(reason).hint, /^\p{Lu}.{10,}\p{L}/u)
      })
    })
  }
})

describe("the words of a reason", () => {
  const evidence = Evidence.make({ operation: "git fetch", excerpt: "it said no" })

  for (const [tag, reason] of Object.entries(serviceSamples)) {
    it(`${tag}: say what went wrong in one sentence`, () => {
      assert.strictEqual(reason._tag, tag)
      assert.match(reason.message, /^[\p{L}\p{N}].{10,}$/u)
      assert.notMatch(reason.message, /undefined|\[object|NaN/)
    })
  }

  it("name the thing that somebody has to look at", () => {
    assert.strictEqual(serviceSamples.EscalationMissing.message, "There is no escalation 41")
    assert.strictEqual(
      serviceSamples.PullRequestUnrecorded.message,
      "No work order is known to have pull request #7 of acme/shop"
    )
    assert.strictEqual(
      serviceSamples.BranchOccupied.message,
      `There is a branch moose/wo-order-1 already, at ${"c".repeat(40)}`
    )
    assert.include(
      serviceSamples.SpoolFailed.message,
      "/var/lib/moose/spool/escalations cannot be used: EROFS"
    )
    assert.include(
      serviceSamples.ClientManagerUnavailable.message,
      "cannot be reached: upstream connect error"
    )
    assert.include(serviceSamples.ClientManagerRejected.message, "refuses the notice: unknown sender")
    const workOrderId = WorkOrderId.make("add-discount")
    assert.strictEqual(new OrderHeld({ workOrderId }).message, "Somebody is at work order add-discount")
    assert.strictEqual(new NotRemoved({ name: "/w/1" }).message, "/w/1 is still there after its removal")
    assert.strictEqual(
      new MassDeletionRefused({ deletions: 40, limit: 25, names: ["/w/1"] }).message,
      "40 things would be deleted, and one pass deletes at most 25: nothing was repaired"
    )
  })

  it("leave out what nobody said", () => {
    assert.strictEqual(new GitFailed({ evidence }).message, "git fetch failed: it said no")
    const ended = Evidence.make({ ...evidence, exitCode: 128 })
    assert.strictEqual(new GitFailed({ evidence: ended }).message, "git fetch failed (exit 128): it said no")
    assert.strictEqual(new ForgeFailed({ evidence }).message, "git fetch failed (no status): it said no")
    assert.notInclude(new UnknownPrice({ model: "gpt-99" }).message, "MOOSE_PRICES")
    const check = { check: "test", log: "" }
    const silent = Evidence.make({ operation: "npm test", excerpt: "" })
    assert.strictEqual(
      new ChecksFailed({ ...check, evidence: silent }).message,
      'The check "test" fails after the edit'
    )
    assert.strictEqual(
      new ChecksFailed({ ...check, evidence: ended }).message,
      'The check "test" fails after the edit (exit 128): it said no'
    )
  })

  it("of money count what is left, which is never less than nothing", () => {
    const { message } = new BudgetExceeded({ ...samples.BudgetExceeded, resetsAt: null })
    assert.include(message, "so $0.350000 is left")
    assert.notInclude(message, "resets")
    const over = new BudgetExceeded({ ...samples.BudgetExceeded, settled: samples.BudgetExceeded.limit })
    assert.strictEqual(over.left, 0)
  })

  it("of a branch say where it is, also where it is nowhere", () => {
    const branch = "moose/wo-1"
    const at = (expected: string | null, found: string | null) =>
      new HeadMoved({ branch, expected, found }).message
    assert.include(at("aaa", null), "is at nothing, not at aaa")
    assert.include(at(null, "bbb"), "is at bbb, not at nothing")
    assert.include(new PullRequestEnded({ number: 7, merged: true }).message, "merged pull request #7")
    assert.include(new PullRequestEnded({ number: 7, merged: false }).message, "closed pull request #7")
  })

  it("of refused edits say which, and how often its model was told", () => {
    const edit = { path: "src/a.js", problem: "it is not there" }
    const first = new EditorRejectedEdits({ ...edit, edit: 2 }).message
    assert.match(first, /^Edit 2 /)
    assert.notInclude(first, "times")
    const again = new EditorRejectedEdits({ ...edit, edit: null, rounds: 3 }).message
    assert.match(again, /^The edits .*its model was shown why 3 times/)
  })
})

describe("what a reason means", () => {
  const condition = {
    tag: "NetworkReset",
    category: "transient",
    severity: "medium",
    blame: "platform",
    retryable: true,
    sideEffect: "none",
    hint: "The connection broke."
  } as const
  const reason = (tag: string) =>
    new ForgeFailed({
      evidence: Evidence.make({ operation: "GET /x", excerpt: "", condition: { ...condition, tag } })
    })

  it("is what the classifier found where it recognised the evidence", () => {
    const { tag: _, ...found } = condition
    assert.deepStrictEqual(meaningOf(reason("NetworkReset")), found)
  })

  it("is the cautious answer where nobody recognised it", () => {
    const meaning = meaningOf(reason("Unrecognised"))
    assert.deepStrictEqual(meaning, meaningOf(samples.ForgeFailed))
    assert.deepInclude(meaning, { category: "ambiguous", retryable: false, sideEffect: "possible" })
  })
})

describe("the component of a failure", () => {
  const of = (operation: string) =>
    componentOf(
      new AuthenticationFailed({ service: "s", evidence: Evidence.make({ operation, excerpt: "" }) })
    )

  it("is told by the operation where the reason does not say", () => {
    assert.strictEqual(of("git push"), "git")
    assert.strictEqual(of("POST /repos/{owner}/{repo}/pulls"), "forge")
    assert.strictEqual(of("POST /chat/completions"), "provider")
    assert.strictEqual(of("moose.apply_facts"), "store")
    assert.strictEqual(of("POST /route"), "manager")
    assert.strictEqual(of("call forge"), "forge")
    assert.strictEqual(of("aider"), "provider")
    assert.strictEqual(componentOf(new TimedOut({ operation: "asking gpt-5", limitMs: 1 })), "provider")
    assert.strictEqual(componentOf(new TimedOut({ operation: "git fetch", limitMs: 1 })), "git")
    assert.strictEqual(componentOf(new TimedOut({ operation: "aider --version", limitMs: 1 })), "editor")
    assert.strictEqual(componentOf(new TimedOut({ operation: "applying", limitMs: 1 })), "pipeline")
    assert.strictEqual(componentOf(samples.CircuitOpen), "provider")
    assert.strictEqual(componentOf(samples.ManagerUnreachable), "manager")
  })

  it("of a reason that somebody added is its step", () => {
    assert.strictEqual(componentOf({ _tag: "SecretFound", message: "a key" }), "step")
  })
})

describe("Evidence", () => {
  const excerptOf = (excerpt: string) => Evidence.make({ operation: "test", excerpt }).excerpt

  const hidden: ReadonlyArray<readonly [what: string, text: string, secret: string]> = [
    [
      "a password in a URL",
      "fatal: unable to access 'https://moose:hunter2secret@forge.test/a.git/'",
      "hunter2secret"
    ],
    ["a password with an @", "postgres://moose:hun@ter2secret@db.test:5432/moose", "ter2secret"],
    ["a password with a /", "postgres://moose:hun/ter2secret@db.test:5432/moose", "ter2secret"],
    ["a token as the user of a URL", "https://0123456789abcdef@forge.test/a.git", "0123456789abcdef"],
    ["a bearer header", "Authorization: Bearer abc.DEF-123_456", "abc.DEF-123_456"],
    ["a basic header", "authorization: basic bW9vc2U6aHVudGVyMg==", "bW9vc2U6aHVudGVyMg=="],
    ["a classic GitHub token", "token is ghp_0123456789abcdefABCDEF0123456789abcd.", "0123456789abcdef"],
    ["an installation token", "x-access-token:ghs_0123456789abcdefABCDEF", "0123456789abcdef"],
    ["a fine-grained token", "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv", "11ABCDEFG0"],
    ["an OpenAI key", "Incorrect API key provided: sk-proj-abcdefghijklmnop", "abcdefghijklmnop"],
    ["an Anthropic key", "key=sk-ant-api03-abcdefghijklmnop", "abcdefghijklmnop"],
    [
      "a JSON web token",
      "apikey: eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
      "c2VydmljZV9yb2xl"
    ],
    ["a Supabase key", "apikey: sb_secret_0123456789abcdefABCDEF", "0123456789abcdef"]
  ]
  for (const [what, text, secret] of hidden) {
    it(`hides ${what}`, () => {
      const excerpt = excerptOf(text)
      assert.include(excerpt, "[redacted]")
      assert.notInclude(excerpt, secret)
    })

    it(`hides ${what} in the cause, its stack and its own cause`, () => {
      const cause = new TypeError(text, { cause: { detail: [text] } })
      const evidence = Evidence.make({ operation: "test", excerpt: "", cause })
      const json = Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(Evidence.Evidence)))(evidence)
      assert.include(json, "TypeError")
      assert.notInclude(json, secret)
    })
  }

  it("leaves addresses without credentials alone", () => {
    const text = "connect to http://127.0.0.1:4010/v1/chat failed; see https://forge.test/acme/shop"
    assert.strictEqual(excerptOf(text), text)
  })

  it("hides a secret that the cut would otherwise leave half of", () => {
    const excerpt = excerptOf(`${"x".repeat(490)} ghp_0123456789abcdefABCDEF`)
    assert.strictEqual(excerpt.length, Evidence.excerptCharactersMax)
    assert.notInclude(excerpt, "ghp_")
  })

  it("keeps the first 500 characters", () => {
    const excerpt = excerptOf(`begin ${"y".repeat(10_000)} end`)
    assert.strictEqual(excerpt.length, Evidence.excerptCharactersMax)
    assert.isTrue(excerpt.startsWith("begin y"))
  })

  it("keeps no half of a character, no NUL and no escape sequence", () => {
    const excerpt = excerptOf(`\u0000\u001b[31m${"😀".repeat(300)}`)
    assert.isTrue(excerpt.isWellFormed())
    assert.notMatch(excerpt, /[^\P{Cc}\n\t]/u)
  })

  it("takes no longer for texts made to be slow", () => {
    const texts = [" ", "token ", "://", "://a:", "://a:b@", "eyJ", "eyJ-", "sk-", "a", "\n"]
    for (const text of texts) {
      assert.isAtMost(excerptOf(text.repeat(1_000_000)).length, Evidence.excerptCharactersMax)
    }
  })
})
