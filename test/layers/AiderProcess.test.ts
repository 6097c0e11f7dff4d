import * as NodeFs from "node:fs"
import * as NodePath from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Redacted } from "effect"
import type { Fact } from "../../src/domain/Fact.ts"
import { BudgetExceeded } from "../../src/domain/errors/Reasons.ts"
import { Limits } from "../../src/domain/policies/Limits.ts"
import { Usd } from "../../src/domain/Usd.ts"
import * as AiderProcess from "../../src/layers/AiderProcess.ts"
import { type GatewayAccount, ModelGateway } from "../../src/services/ModelGateway.ts"
import { StepJournal } from "../../src/services/StepJournal.ts"
import { apply, rounding, worktree } from "../support/EditorSuite.ts"
import { git } from "../support/GitSandbox.ts"
import { running } from "../support/Processes.ts"

/* What an Aider does that misbehaves: a script in its place. How the real one behaves is in test/aider. */

const token = "sk-moose-0123456789abcdef0123456789abcdef"
const nothing: GatewayAccount = { calls: [], settled: Usd.make(0) }

/** All that a run needs to count as one that went well, but for the edit. */
const well = `
  : > "$MOOSE_FENCE_CLOSED"
  while [ $# -gt 0 ]; do [ "$1" = --analytics-log ] && log=$2; shift; done
  echo '{"event": "message_send_starting"}
{"event": "message_send"}
{"event": "exit", "properties": {"reason": "Completed --message-file"}}' > "$log"
  echo "Tokens: 1.0k sent, 50 received."
  echo "Applied edit to src/a.js"
`
const edit = "sed -i s/floor/round/ src/a.js"

interface Ran {
  readonly facts: Array<Fact>
  readonly closed: Array<string>
}

/** Applies the rounding with a script for an Aider. */
const run = (
  where: Effect.Success<typeof worktree>,
  script: string,
  { account = nothing, timeoutMs }: { readonly account?: GatewayAccount; readonly timeoutMs?: number } = {}
) =>
  Effect.gen(function* () {
    const command = NodePath.join(where.outer, "aider")
    NodeFs.writeFileSync(command, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const ran: Ran = { facts: [], closed: [] }
    const journal = ({ facts }: { readonly facts: ReadonlyArray<Fact> }) =>
      Effect.sync(() => void ran.facts.push(...facts))
    const gateway = ModelGateway.of({
      open: () =>
        Effect.succeed({
          id: "access",
          baseUrl: "http://127.0.0.1:1/v1",
          anthropicUrl: "http://127.0.0.1:1",
          token: Redacted.make(token)
        }),
      account: () => Effect.succeed(account),
      close: ({ id }) => Effect.sync(() => (ran.closed.push(id), account))
    })
    const layer = AiderProcess.layer({ command }).pipe(
      Layer.provide(Layer.succeed(ModelGateway, gateway)),
      Layer.provide(Layer.succeed(StepJournal, { append: journal, commit: journal })),
      Layer.provide(NodeServices.layer)
    )
    const more = timeoutMs === undefined ? {} : { timeoutMs }
    const ended = yield* Effect.result(apply(where, [rounding], ["src/"], more).pipe(Effect.provide(layer)))
    return { ...ran, ended }
  })

const live = <A, E>(name: string, test: Effect.Effect<A, E, Effect.Services<typeof worktree>>) =>
  it.live(name, () => test.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

const tagOf = ({ ended }: Effect.Success<ReturnType<typeof run>>): string =>
  ended._tag === "Failure" ? ended.failure._tag : "made"

describe("AiderProcess", () => {
  live(
    "lets the program see nothing but what it needs, and no key",
    Effect.gen(function* () {
      const where = yield* worktree
      const { ended, closed } = yield* run(where, `env > "$HOME/../seen"\n${edit}\n${well}`)
      assert.strictEqual(ended._tag, "Success", JSON.stringify(ended))
      assert.include(closed, "access")
      const seen = NodeFs.readFileSync(NodePath.join(where.outer, "instructions.md.d/seen"), "utf8")
      const names = seen.split("\n").flatMap((line) => /^([A-Za-z_]+)=/.exec(line)?.[1] ?? [])
      assert.deepStrictEqual(names.filter((name) => /KEY|TOKEN|SECRET/.test(name)).toSorted(), [
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY"
      ])
      assert.include(seen, `OPENAI_API_KEY=${token}`)
      assert.notMatch(seen, /^(?:AIDER_|GITHUB_|DATABASE_URL|npm_|VITEST)/m)
      assert.match(seen, /^HOME=.*instructions\.md\.d\/home$/m)
    })
  )

  live(
    "does not believe a success without the fence, the log, the edit or the exit code",
    Effect.gen(function* () {
      const unfenced = well.replace(': > "$MOOSE_FENCE_CLOSED"', "")
      assert.strictEqual(tagOf(yield* run(yield* worktree, `${edit}\n${unfenced}`)), "EditorUnsupported")
      const silent = `: > "$MOOSE_FENCE_CLOSED"; ${edit}; echo Applied edit to src/a.js`
      assert.strictEqual(tagOf(yield* run(yield* worktree, silent)), "EditorCrashed")
      assert.strictEqual(tagOf(yield* run(yield* worktree, well)), "NoChanges")
      assert.strictEqual(tagOf(yield* run(yield* worktree, `${edit}\n${well}\nexit 1`)), "EditorCrashed")
    })
  )

  live(
    "refuses by name what was changed out of scope, also where it is new",
    Effect.gen(function* () {
      for (const script of ["echo x > README.md", "mkdir docs; echo x > docs/README.md"]) {
        const { ended } = yield* run(yield* worktree, `${edit}\n${script}\n${well}`)
        if (ended._tag === "Success" || ended.failure._tag !== "OutOfScopeEdit")
          return assert.fail(ended._tag)
        assert.match(ended.failure.path, /README\.md$/)
      }
    })
  )

  live(
    "hides what it would take for its settings, and gives it back; takes away what it leaves",
    Effect.gen(function* () {
      const where = yield* worktree
      NodeFs.writeFileSync(NodePath.join(where.directory, ".env"), "OPENAI_API_BASE=http://elsewhere\n")
      NodeFs.writeFileSync(NodePath.join(where.directory, ".aider.conf.yml"), "auto-commits: true\n")
      git(where.directory, "add", "--all")
      git(where.directory, "commit", "--quiet", "--message", "settings")
      const script = `ls -A > "$HOME/../seen"; mkdir .aider.tags.cache.v4; echo x > .aider.chat.history.md; echo x > .aider.tags.cache.v4/x\n${edit}\n${well}`
      const { ended } = yield* run(where, script)
      assert.deepStrictEqual(ended._tag === "Success" ? ended.success : ended, ["src/a.js"])
      const seen = NodeFs.readFileSync(NodePath.join(where.outer, "instructions.md.d/seen"), "utf8")
      assert.deepStrictEqual(seen.trim().split("\n"), [".git", "src"])
      assert.strictEqual(git(where.directory, "status", "--porcelain", "--ignored"), " M src/a.js")
    })
  )

  live(
    "tells the timeline what it prints, without the token, and not more than so much",
    Effect.gen(function* () {
      const line = "x".repeat(200)
      const script = `echo "its key is ${token}"; i=0; while [ $i -lt 3000 ]; do echo ${line}; i=$((i+1)); done\n${edit}\n${well}`
      const { ended, facts } = yield* run(yield* worktree, script)
      assert.strictEqual(ended._tag, "Success", JSON.stringify(ended))
      const notes = facts.flatMap((fact) => (fact._tag === "Noted" ? [fact.message] : []))
      assert.isAtLeast(notes.length, 1)
      assert.isAtMost(notes.length, Limits.editorNotesMax)
      for (const note of notes) assert.isAtMost(note.length, Limits.editorNoteCharactersMax + 60)
      assert.include(notes.join("\n"), "its key is [")
      assert.notInclude(notes.join("\n"), token)
    })
  )

  live(
    "is ended at its limit, however it resists, with all it has started",
    Effect.gen(function* () {
      const where = yield* worktree
      const script = `trap '' TERM; sh -c "trap '' TERM; while :; do sleep 1; done" "${where.outer}/child" & while :; do sleep 1; done`
      const { ended } = yield* run(where, script, { timeoutMs: 500 })
      if (ended._tag === "Success" || ended.failure._tag !== "EditorTimedOut") return assert.fail(ended._tag)
      assert.strictEqual(ended.failure.limitMs, 500)
      assert.deepStrictEqual(running(where.outer), [])
    })
  )

  live(
    "that had no time left for want of money says so",
    Effect.gen(function* () {
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
      const account = {
        calls: [{ call, outcome: { _tag: "Refused", reason } }],
        settled: Usd.make(0)
      } as const
      const hangs = "exec tail -f /dev/null"
      assert.strictEqual(
        tagOf(yield* run(yield* worktree, hangs, { account, timeoutMs: 500 })),
        "BudgetExceeded"
      )
      assert.strictEqual(tagOf(yield* run(yield* worktree, "exit 0", { account })), "BudgetExceeded")
    })
  )
})
