import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Result, Schema, Stream } from "effect"
import { toMarkdown, toText } from "../src/cli/CatalogueWords.ts"
import { classifyLine } from "../src/cli/commands/Classify.ts"
import { keep, split } from "../src/cli/Lines.ts"
import { type Pasted, classifyPasted } from "../src/cli/Pasted.ts"
import { parseSince, span, when } from "../src/cli/Times.ts"
import { catalogue } from "../src/domain/policies/Catalogue.ts"
import { recovery } from "../src/domain/policies/Recovery.ts"
import { stepNames } from "../src/domain/Status.ts"
import { samples } from "../src/testing/Samples.ts"

const now = DateTime.makeUnsafe("2026-03-08T12:00:00Z")

describe("--since", () => {
  const good: ReadonlyArray<readonly [string, string]> = [
    ["30m", "2026-03-08T11:30:00.000Z"],
    ["24h", "2026-03-07T12:00:00.000Z"],
    ["7d", "2026-03-01T12:00:00.000Z"],
    ["2026-03-01", "2026-03-01T00:00:00.000Z"],
    ["2026-03-01T14:00", "2026-03-01T14:00:00.000Z"],
    ["2026-03-01T14:00:00+02:00", "2026-03-01T12:00:00.000Z"]
  ]
  it.effect.each(good)("reads %s", ([text, at]) =>
    Effect.gen(function* () {
      assert.strictEqual(DateTime.formatIso(yield* parseSince(text, now)), at)
    })
  )

  const bad: ReadonlyArray<readonly [string, string]> = [
    ["yesterday", "neither"],
    ["24", "neither"],
    ["-1h", "neither"],
    ["", "neither"],
    ["2026-02-30", "no such date"],
    ["2026-13-01", "no such date"],
    ["2026-03-01T25:00Z", "no such date"],
    ["2099-01-01", "in the future"]
  ]
  it.effect.each(bad)("says what is wrong with %s", ([text, words]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(parseSince(text, now))
      assert.include(error.problem, words)
      assert.include(error.problem, "--since")
      assert.include(error.fix, "24h")
    })
  )
})

it("times are told as a person would", () => {
  assert.deepStrictEqual([0, 59_999, 3_600_000, 7_500_000, 3 * 86_400_000].map(span), [
    "0 s",
    "59 s",
    "1 h",
    "2 h 5 min",
    "3 d"
  ])
  assert.strictEqual(
    when("2026-03-08T11:00:00.000Z", "2026-03-08T12:00:00.000Z"),
    "2026-03-08 11:00:00 UTC (1 h ago)"
  )
  assert.include(when("2026-03-08T12:30:00.000Z", "2026-03-08T12:00:00.000Z"), "(in 30 min)")
})

describe("lines", () => {
  const lines = (max: number, ...pieces: ReadonlyArray<string>) =>
    Effect.map(Stream.runCollect(split(max)(Stream.fromIterable(pieces))), (all) =>
      all.map(({ number, text }) => [number, text])
    )

  it.effect("are put together from whatever arrives, and counted", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(9, "a", "b\nc", "\n\nd"), [
        [1, "ab"],
        [2, "c"],
        [3, ""],
        [4, "d"]
      ])
      assert.deepStrictEqual(yield* lines(9, "a\n"), [[1, "a"]])
      assert.deepStrictEqual(yield* lines(9), [])
    })
  )

  it.effect("that are too long are dropped, and the next one is read", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(3, "abc\nab", "cd", "efgh\nabc"), [
        [1, "abc"],
        [2, null],
        [3, "abc"]
      ])
      assert.deepStrictEqual(yield* lines(3, "abcd"), [[1, null]])
    })
  )

  it.effect("of a text that is too long, the beginning and the end are kept", () =>
    Effect.gen(function* () {
      const kept = yield* keep(6)(Stream.make("abc", "def", "ghi", "jk"))
      assert.strictEqual(kept, "abcijk")
    })
  )
})

describe("classify", () => {
  const Answer = Schema.fromJsonString(
    Schema.Struct({ id: Schema.NullOr(Schema.String), tag: Schema.String })
  )
  const decode = Schema.decodeUnknownSync(Answer)

  it("answers a line, or says what is wrong with it", () => {
    const line = {
      id: "x",
      system: "git",
      operation: "push",
      input: { exitCode: 128, stderr: "", stdout: "" }
    }
    assert.strictEqual(decode(Result.getOrThrow(classifyLine(JSON.stringify(line)))).id, "x")
    const wrong = (text: string) => Result.getOrThrow(Result.flip(classifyLine(text)))
    assert.include(wrong("nonsense"), "not JSON")
    assert.include(wrong("{}"), "system is missing")
    assert.include(wrong(JSON.stringify({ ...line, system: "svn" })), "system")
  })

  const pasted = (change: Partial<Pasted>): Pasted => ({
    system: "git",
    operation: "",
    text: "",
    exitCode: null,
    status: null,
    ...change
  })
  const cases: ReadonlyArray<readonly [string, Partial<Pasted>, string]> = [
    [
      "stderr",
      { operation: "fetch", text: "fatal: unable to access 'https://h/': Could not resolve host: h" },
      "NetworkDns"
    ],
    [
      "what Aider printed",
      { system: "aider", operation: "message", text: "litellm.AuthenticationError: bad key", exitCode: 0 },
      "AuthenticationFailed"
    ],
    [
      "curl -i",
      {
        system: "anthropic",
        text: 'HTTP/2 429 \r\nretry-after: 7\r\n\r\n{"type":"error","error":{"type":"rate_limit_error","message":"x"}}'
      },
      "RateLimited"
    ],
    [
      "a body and its status",
      { system: "github", operation: "GET /repos", text: '{"message":"Bad credentials"}', status: 401 },
      "AuthenticationFailed"
    ],
    [
      "an error's words",
      { system: "node", operation: "fetch", text: "Error: connect ECONNREFUSED 127.0.0.1:1" },
      "NetworkUnreachable"
    ],
    [
      "an error as JSON",
      { system: "postgres", operation: "query", text: '{"code":"53100","severity":"ERROR","message":"x"}' },
      "DiskFull"
    ],
    ["nothing that is known", { system: "postgrest", operation: "insert", text: "what?" }, "Unrecognised"]
  ]
  for (const [name, change, tag] of cases) {
    it(`reads ${name}`, () => {
      assert.strictEqual(classifyPasted(pasted(change)).tag, tag)
    })
  }

  it("takes nothing pasted for harmless when it does not know it", () => {
    for (const system of [
      "git",
      "aider",
      "gh",
      "postgres",
      "node",
      "anthropic",
      "github",
      "postgrest"
    ] as const) {
      const { retryable, sideEffect } = classifyPasted(pasted({ system, operation: "?", text: "what?" }))
      assert.deepStrictEqual([system, retryable, sideEffect], [system, false, "possible"])
    }
  })

  it("loads neither the database nor a forge nor a model", () => {
    const seen = new Set<string>()
    const packages = new Set<string>()
    const visit = (file: string): void => {
      if (seen.has(file) || !existsSync(file)) return
      seen.add(file)
      for (const [, what = ""] of readFileSync(file, "utf8").matchAll(
        /^(?:import|export)\s(?!type\b)[^"]*from "([^"]+)"/gm
      )) {
        if (what.startsWith(".")) visit(resolve(dirname(file), what))
        else packages.add(what)
      }
    }
    visit(fileURLToPath(new URL("../src/cli/commands/Classify.ts", import.meta.url)))
    assert.isAbove(seen.size, 20)
    assert.deepStrictEqual([...packages].toSorted(), ["effect", "effect/cli"])
  })

  it("goes on after bad lines, and ends with 1", () => {
    const good = readFileSync(new URL("fixtures/failure-atlas.jsonl", import.meta.url), "utf8").split("\n", 2)
    const program = fileURLToPath(new URL("../bin/moose.js", import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, "classify"], {
      input: [good[0], "nonsense", "", good[1]].join("\n"),
      encoding: "utf8"
    })
    assert.strictEqual(status, 1, stderr)
    assert.strictEqual(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => decode(line)).length,
      2
    )
    assert.match(stderr, /^line 2: it is not JSON[^\n]*\n$/)
  })
})

describe("the catalogue", () => {
  const steps = catalogue(samples)

  it("has every reason of every step once, each with all its words", () => {
    assert.deepStrictEqual(
      steps.map(({ step }) => step),
      [...stepNames]
    )
    for (const { step, failures } of steps) {
      assert.deepStrictEqual(
        failures.map(({ reason }) => reason),
        Object.keys(recovery[step]).toSorted()
      )
      for (const { sample, meaning } of failures) assert.isTrue(sample !== "" && meaning.hint !== "")
    }
  })

  it("tells of delays exactly where something is tried again", () => {
    for (const { actions, retries, retryDelaysMs } of steps.flatMap(({ failures }) => failures)) {
      assert.strictEqual(actions.includes("retry"), retries !== null)
      assert.strictEqual(retryDelaysMs.length > 0, retries !== null)
    }
  })

  it("is written the same every time, and names everything", () => {
    const markdown = toMarkdown(catalogue(samples))
    assert.strictEqual(markdown, toMarkdown(steps))
    for (const { step, failures } of steps) {
      for (const { reason } of failures) {
        assert.include(markdown, `### ${step}: ${reason}\n`)
        assert.include(toText(steps), reason)
      }
    }
  })
})
