import { createHash } from "node:crypto"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, Queue, Redacted, Schedule, Schema } from "effect"
import * as LocalForge from "../src/layers/forge/LocalForge.ts"
import * as Blockade from "./support/Blockade.ts"
import * as Cli from "./support/Cli.ts"
import * as GitSandbox from "./support/GitSandbox.ts"
import * as Loopback from "./support/Loopback.ts"
import { running } from "./support/Processes.ts"
import * as TestDatabase from "./support/TestDatabase.ts"

const { git } = GitSandbox

/** A whole test. Many processes share the processors. */
const timeoutMs = 300_000

const world = Layer.provideMerge(TestDatabase.layer, NodeServices.layer)

/** What `--json` promises. */
const Answer = Schema.fromJsonString(
  Schema.Struct({
    workOrderId: Schema.String,
    status: Schema.String,
    disposition: Schema.NullOr(Schema.String),
    branch: Schema.NullOr(Schema.String),
    headSha: Schema.NullOr(Schema.String),
    pullRequest: Schema.NullOr(Schema.Struct({ number: Schema.Int, url: Schema.String })),
    costUsd: Schema.String.pipe(Schema.check(Schema.isPattern(/^\d+\.\d{6}$/))),
    failure: Schema.NullOr(Schema.Json),
    steps: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        status: Schema.String,
        attempts: Schema.Int,
        ms: Schema.NullOr(Schema.Int)
      })
    )
  })
)
const readAnswer = (ended: Cli.Ended) =>
  Effect.mapError(
    Schema.decodeUnknownEffect(Answer, { onExcessProperty: "error" })(ended.stdout),
    () => new Error(`Not the promised JSON: ${ended.stdout}${ended.stderr}`)
  )

const assertExit = (ended: Cli.Ended, code: number) =>
  assert.strictEqual(ended.code, code, ended.stdout + ended.stderr)

const everyStep = ["routing", "generating", "applying", "creating_pr", "tracking"]
const onceEach = everyStep.map((name) => ({ name, status: "succeeded", attempts: 1 }))

const temporaryHome = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-cli-" })
  // Under root PostgreSQL runs as somebody else, who must be able to enter; its data is kept elsewhere if not.
  yield* fs.chmod(directory, 0o755)
  return path.join(directory, "home")
})

/** The files below a folder, and what is in them: bytes, not times. */
const fingerprint = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((file) => [file, createHash("sha256").update(readFileSync(file)).digest("hex")])
  )

/** Worktrees and instruction files that are still in Moose's folder. */
const leftovers = Effect.fnUntraced(function* (home: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const below = Effect.fnUntraced(function* (directory: string) {
    return (yield* fs.exists(directory)) ? (yield* fs.readDirectory(directory)).toSorted() : []
  })
  const projects = yield* below(path.join(home, "worktrees"))
  const worktrees = yield* Effect.forEach(projects, (name) => below(path.join(home, "worktrees", name)))
  return [...worktrees.flat(), ...(yield* below(path.join(home, "instructions")))]
})

const mirrorsOf = (home: string) =>
  readdirSync(join(home, "mirrors")).map((name) => join(home, "mirrors", name))

const Pulls = Schema.Array(Schema.Struct({ number: Schema.Int, head: Schema.Struct({ ref: Schema.String }) }))

/** Every pull request that the forge in a home has for the repository that `url` is of. */
const pullRequestsAt = (home: string, url: string) =>
  Effect.gen(function* () {
    const forge = yield* LocalForge.make({ directory: join(home, "forge") })
    const [, owner = "", name = ""] = new URL(url).pathname.split("/")
    const answer = yield* Effect.promise(async () => {
      const response = await fetch(`${forge.url}/repos/${owner}/${name}/pulls?state=all&per_page=100`, {
        headers: { authorization: `Bearer ${Redacted.value(forge.token)}` }
      })
      return response.json()
    })
    return yield* Schema.decodeUnknownEffect(Pulls)(answer)
  }).pipe(Effect.scoped)

const proposal = {
  summary: "Adds instead of subtracting",
  edits: [{ _tag: "SearchReplace", path: "src/add.ts", search: "a - b", replace: "a + b" }],
  commitMessage: "Add instead of subtracting",
  pullRequestTitle: "Add instead of subtracting",
  pullRequestBody: "It subtracted."
}

/** Somebody's clone in the middle of their work, its remote, and a proposal in a file. */
const makeUser = Effect.gen(function* () {
  const sandbox = yield* GitSandbox.make
  const { checkout, write, at } = sandbox
  yield* write(checkout, "README.md", "# stashed\n")
  git(checkout, "stash", "push", "--quiet")
  git(checkout, "checkout", "--quiet", "-b", "feature/mine")
  yield* write(checkout, "src/mine.ts", "export const mine = 1\n")
  git(checkout, "add", "src/mine.ts")
  yield* write(checkout, "src/add.ts", "// half done\n")
  yield* write(checkout, "notes.txt", "not under version control\n")
  const file = yield* write(at(), "edits.json", JSON.stringify(proposal))
  /** All that is theirs, byte for byte. */
  const everything = () => ({
    status: git(checkout, "--no-optional-locks", "status", "--porcelain", "--branch"),
    worktrees: git(checkout, "worktree", "list"),
    files: fingerprint(checkout)
  })
  return { ...sandbox, file, everything }
})

const databaseUrl = Effect.map(TestDatabase.TestDatabase, ({ url }) => Redacted.value(url))

describe.concurrent("moose demo", () => {
  it.live(
    "turns the sample order into pull request 1, again into 2, and shows a failure",
    () =>
      Effect.gen(function* () {
        const home = yield* temporaryHome
        const env = { MOOSE_HOME: home }

        const first = yield* Cli.run(["demo", "--json"], { env })
        assertExit(first, 0)
        assert.strictEqual(first.stderr, "")
        const answer = yield* readAnswer(first)
        assert.strictEqual(answer.status, "completed")
        assert.strictEqual(answer.branch, `moose/wo-${answer.workOrderId}`)
        assert.match(answer.headSha ?? "", /^[0-9a-f]{40}$/)
        assert.strictEqual(answer.pullRequest?.number, 1)
        assert.match(answer.pullRequest?.url ?? "", /^http:\/\/127\.0\.0\.1:\d+\/moose\/sample\/pull\/1$/)
        assert.strictEqual(answer.costUsd, "0.000000")
        assert.deepStrictEqual(
          answer.steps.map(({ name, status, attempts }) => ({ name, status, attempts })),
          onceEach
        )
        assert.isTrue(answer.steps.every(({ ms }) => ms !== null && ms >= 0))

        const second = yield* Cli.run(["demo"], { env })
        assertExit(second, 0)
        assert.match(second.stdout, /^Pull request #2 {2}http:/m)
        assert.match(second.stdout, /^\+ {2}const sign = /m)
        assert.match(second.stdout, /^ {2}✓ generating .*offline proposes 2 edits: .*…$/m)
        for (const line of second.stdout.split("\n")) assert.isBelow(line.length, 140, line)

        const failed = yield* Cli.run(["demo", "--fail", "PushRejected"], { env })
        assertExit(failed, 1)
        // The failure that is shown is the order's own, down to its branch.
        const shown = /^Work order (\w+): /m.exec(failed.stdout)?.[1] ?? assert.fail(failed.stdout)
        assert.include(failed.stdout, `  The remote refused the push to moose/wo-${shown}: `)
        assert.match(failed.stdout, /^pr_failed \(preserved\)$/m)
        assert.match(failed.stdout, /^ {2}removed: worktree, instruction file$/m)
        assert.match(failed.stdout, /^ {2}branch moose\/wo-\w+ is kept: /m)
        assert.match(failed.stdout, /^ {2}What to do: .+$/m)

        assert.strictEqual((yield* pullRequestsAt(home, answer.pullRequest?.url ?? "")).length, 2)
        assert.deepStrictEqual(yield* leftovers(home), [])
        assert.deepStrictEqual(running(home), [])
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    timeoutMs
  )
})

describe.concurrent("moose run", () => {
  it.live(
    "brings one commit to the remote, and leaves the user's clone as it is",
    () =>
      Effect.gen(function* () {
        const user = yield* makeUser
        const home = yield* temporaryHome
        const env = { MOOSE_HOME: home, DATABASE_URL: yield* databaseUrl }
        const order = (id: string, title = "Add") =>
          Cli.run(["run", "--repo", user.checkout, "--title", title, "--proposal", user.file, "--id", id], {
            env
          })
        const before = user.everything()

        const first = yield* order("first")
        assertExit(first, 0)
        assert.strictEqual(first.stderr, "")
        const url = /^Pull request #1 {2}(\S+)$/m.exec(first.stdout)?.[1] ?? ""
        assert.deepStrictEqual(user.everything(), before)
        const { origin, base } = user
        assert.strictEqual(git(origin, "rev-parse", "moose/wo-first~1"), base)
        assert.strictEqual(git(origin, "rev-parse", "main"), base)
        assert.strictEqual(
          git(origin, "log", "-1", "--format=%B", "moose/wo-first"),
          "Add instead of subtracting\n\nMoose-Work-Order: first\nMoose-Attempt: 1"
        )
        assert.strictEqual(git(origin, "diff", "--name-only", base, "moose/wo-first"), "src/add.ts")

        // Whatever they do to each other, they do it at the same moment.
        const [again, other, one, twin, third, fourth] = yield* Effect.all(
          [order("first"), order("first", "Other"), order("twin"), order("twin"), order("c"), order("d")],
          { concurrency: "unbounded" }
        )
        assertExit(again, 0)
        assert.match(again.stdout, /^Work order first \(submitted before\): Add$/m)
        assert.match(again.stdout, /^Pull request #1 /m)
        assertExit(other, 1)
        assert.strictEqual(
          other.stderr,
          "moose: work order first exists with another body\n  Use another id, or submit exactly the same work order again.\n"
        )
        assert.strictEqual(other.stdout, "")
        for (const ended of [one, twin, third, fourth]) {
          assertExit(ended, 0)
          assert.match(ended.stdout, /^Pull request #[234] /m)
        }
        assert.strictEqual(
          [one, twin].filter(({ stdout }) => stdout.includes("(submitted before)")).length,
          1
        )

        const pulls = yield* pullRequestsAt(home, url)
        assert.deepStrictEqual(pulls.map(({ head }) => head.ref).toSorted(), [
          "moose/wo-c",
          "moose/wo-d",
          "moose/wo-first",
          "moose/wo-twin"
        ])
        assert.deepStrictEqual(
          pulls.map(({ number }) => number).toSorted((a, b) => a - b),
          [1, 2, 3, 4]
        )
        for (const id of ["twin", "c", "d"]) {
          assert.strictEqual(git(origin, "rev-parse", `moose/wo-${id}~1`), base)
        }
        assert.deepStrictEqual(user.everything(), before)
        assert.deepStrictEqual(yield* leftovers(home), [])
        const [mirror = "", ...more] = mirrorsOf(home)
        assert.deepStrictEqual(more, [])
        assert.strictEqual(git(mirror, "worktree", "list"), `${mirror}  (bare)`)
        assert.strictEqual(git(mirror, "for-each-ref", "refs/heads/moose"), "")
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )

  it.live(
    "comes to its end when nobody reads what it says",
    () =>
      Effect.gen(function* () {
        const user = yield* makeUser
        const home = yield* temporaryHome
        const ended = yield* Cli.run(
          ["run", "--repo", user.checkout, "--title", "Add", "--proposal", user.file, "--id", "unread"],
          { env: { MOOSE_HOME: home, DATABASE_URL: yield* databaseUrl }, unread: true }
        )
        assertExit(ended, 0)
        assert.strictEqual(ended.stderr, "")
        assert.strictEqual(git(user.origin, "rev-parse", "moose/wo-unread~1"), user.base)
        assert.deepStrictEqual(yield* leftovers(home), [])
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )

  it.live(
    "says what the remote refused, and what is left",
    () =>
      Effect.gen(function* () {
        const user = yield* makeUser
        const fs = yield* FileSystem.FileSystem
        const home = yield* temporaryHome
        const hook = yield* user.write(
          user.origin,
          "hooks/pre-receive",
          "#!/bin/sh\necho 'only on Tuesdays' >&2\nexit 1\n"
        )
        yield* fs.chmod(hook, 0o755)
        const ended = yield* Cli.run(
          ["run", "--repo", user.checkout, "--title", "Add", "--proposal", user.file, "--id", "refused"],
          { env: { MOOSE_HOME: home, DATABASE_URL: yield* databaseUrl } }
        )
        assertExit(ended, 1)
        assert.strictEqual(ended.stderr, "")
        assert.match(ended.stdout, /^pr_failed \(preserved\)$/m)
        assert.match(ended.stdout, /^ {2}remote: only on Tuesdays$/m)
        assert.match(ended.stdout, /^ {2}removed: worktree, instruction file$/m)
        assert.match(ended.stdout, /^ {2}branch moose\/wo-refused is kept: /m)
        assert.match(ended.stdout, /^ {2}What to do: \S.*remote/m)
        assert.strictEqual(git(user.origin, "for-each-ref", "refs/heads/moose"), "")
        assert.deepStrictEqual(yield* leftovers(home), [])
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )
})

describe.concurrent("moose submit, worker and status", () => {
  it.live(
    "queue an order, run it, and tell of it",
    () =>
      Effect.gen(function* () {
        const user = yield* makeUser
        const home = yield* temporaryHome
        const env = { MOOSE_HOME: home, DATABASE_URL: yield* databaseUrl }
        const file = yield* user.write(
          user.at(),
          "order.json",
          JSON.stringify({ id: "queued", project: "mine", title: "Add", proposal })
        )
        assertExit(yield* Cli.here(["project", "add", "--repo", user.checkout, "--id", "mine"], env), 0)
        const submitted = yield* Cli.here(["submit", file], env)
        assertExit(submitted, 0)
        assert.match(submitted.stdout, /^Work order queued is queued\. /)

        const worker = yield* Cli.start(["worker"], { env })
        const sql = yield* PgClient.PgClient
        yield* Effect.repeat(sql<{ status: string }>`select status from public.work_orders`, {
          schedule: Schedule.spaced("50 millis"),
          until: ([row]) => row?.status === "completed"
        })
        const status = yield* Cli.here(["status", "queued", "--json"], env)
        assertExit(status, 0)
        const answer = yield* readAnswer(status)
        assert.strictEqual(answer.status, "completed")
        assert.strictEqual(answer.pullRequest?.number, 1)
        assert.strictEqual(answer.headSha, git(user.origin, "rev-parse", "moose/wo-queued"))
        assert.deepStrictEqual(
          answer.steps.map(({ name, status, attempts }) => ({ name, status, attempts })),
          onceEach
        )

        yield* worker.kill("SIGINT")
        assertExit(yield* worker.ended, 130)
        const again = yield* Cli.here(["submit", file], env)
        assert.strictEqual(again.stdout, "Work order queued was submitted before; it is completed.\n")
        assert.deepStrictEqual(yield* leftovers(home), [])
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )
})

const untilSaid = (child: Effect.Success<ReturnType<typeof Cli.start>>, words: string) =>
  Effect.repeat(
    Effect.sync(() => child.output().includes(words)),
    { schedule: Schedule.spaced("20 millis"), until: (said) => said }
  )

describe.concurrent("Ctrl-C", () => {
  it.live(
    "while the model thinks: the order is cancelled, and the money is accounted for",
    () =>
      Effect.gen(function* () {
        const user = yield* makeUser
        const home = yield* temporaryHome
        const model = yield* Loopback.serve(() => undefined)
        const env = { MOOSE_HOME: home, OPENAI_BASE_URL: `${model.url}/v1`, OPENAI_API_KEY: "no-key" }
        // All in the foreground get the signal from the terminal, git and PostgreSQL as well.
        const child = yield* Cli.start(
          ["run", "--repo", user.checkout, "--title", "Think", "--id", "think"],
          {
            env,
            group: true
          }
        )
        yield* Queue.take(model.seen)
        yield* child.kill("SIGINT")
        const ended = yield* child.ended
        assertExit(ended, 130)
        assert.match(ended.stderr, /^\s*Cancelling…\n$/)
        assert.match(ended.stdout, /^cancelled \(rolled_back\)$/m)
        assert.match(ended.stdout, /^ {2}nothing had been made yet$/m)
        assert.match(ended.stdout, /^ {2}spent: \$0\.\d{6}$/m)

        const status = yield* Cli.here(["status", "think", "--json"], env)
        const answer = yield* readAnswer(status)
        assert.strictEqual(answer.status, "cancelled")
        assert.notStrictEqual(answer.costUsd, "0.000000")
        assert.deepStrictEqual(yield* leftovers(home), [])
        assert.deepStrictEqual(running(home), [])
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    timeoutMs
  )

  it.live(
    "in the middle of the edit: its worktree is removed",
    () =>
      Effect.gen(function* () {
        const user = yield* makeUser
        const home = yield* temporaryHome
        const before = user.everything()
        const blockade = yield* Blockade.make("public.resources", "insert", "new.kind = 'branch'")
        const child = yield* Cli.start(
          [
            "run",
            "--repo",
            user.checkout,
            "--title",
            "Add",
            "--proposal",
            user.file,
            "--id",
            "edit",
            "--json"
          ],
          { env: { MOOSE_HOME: home, DATABASE_URL: yield* databaseUrl }, group: true }
        )
        yield* blockade.reached
        assert.deepStrictEqual(yield* leftovers(home), ["edit-1", "edit-1.md"])
        yield* child.kill("SIGINT")
        yield* untilSaid(child, "Cancelling…")
        yield* blockade.lift
        const ended = yield* child.ended
        assertExit(ended, 130)
        const answer = yield* readAnswer(ended)
        assert.strictEqual(answer.status, "cancelled")
        assert.strictEqual(answer.disposition, "rolled_back")
        assert.deepStrictEqual(yield* leftovers(home), [])
        const [mirror = ""] = mirrorsOf(home)
        assert.strictEqual(git(mirror, "worktree", "list"), `${mirror}  (bare)`)
        assert.strictEqual(git(mirror, "for-each-ref", "refs/heads/moose"), "")
        assert.strictEqual(git(user.origin, "for-each-ref", "refs/heads/moose"), "")
        assert.deepStrictEqual(user.everything(), before)
      }).pipe(Effect.scoped, Effect.provide(world)),
    timeoutMs
  )
})
