import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import * as Migrations from "../src/layers/postgres/Migrations.ts"
import * as Cli from "./support/Cli.ts"
import * as GitSandbox from "./support/GitSandbox.ts"
import * as Loopback from "./support/Loopback.ts"
import * as TestDatabase from "./support/TestDatabase.ts"

/*
 * What a person can get wrong: each is answered in one line that names the flag, field or path, and one that
 * says what to do, with exit code 1, and leaves nothing behind.
 */

const edit = { _tag: "SearchReplace", path: "src/add.ts", search: "a - b", replace: "a + b" }
const proposal = {
  summary: "Adds",
  edits: [edit],
  commitMessage: "Add",
  pullRequestTitle: "Add",
  pullRequestBody: ""
}
const { pullRequestBody: _, ...incomplete } = proposal

const files = {
  "good.json": proposal,
  "incomplete.json": incomplete,
  "wrong-type.json": { ...proposal, summary: 5 },
  "no-edits.json": { ...proposal, edits: [] },
  "empty-search.json": { ...proposal, edits: [edit, { ...edit, search: "" }] },
  "nul.json": { ...proposal, edits: [{ ...edit, replace: "a\u0000b" }] },
  "upwards.json": { ...proposal, edits: [{ ...edit, path: "../add.ts" }] },
  "half.json": { ...proposal, commitMessage: "\ud800" },
  "order-title.json": { project: "nobody", title: "two\nlines" },
  "order.json": { project: "nobody", title: "Add" },
  "prices.json": [{ provider: "openai", model: "m", input: "1", output: "-1" }]
}

/** A repository, files with mistakes in them, and a database that anybody may use. */
class Desk extends Context.Service<
  Desk,
  { readonly folder: string; readonly databaseUrl: string; readonly closedPort: number }
>()("moose/test/Desk") {
  static readonly layer = Layer.effect(
    Desk,
    Effect.gen(function* () {
      const sandbox = yield* GitSandbox.make
      const { url } = yield* TestDatabase.TestDatabase
      const { root, write } = sandbox
      for (const [name, content] of Object.entries(files)) {
        yield* write(root, name, JSON.stringify(content))
      }
      yield* write(root, "not.json", '{"summary": }')
      yield* write(root, "folder/file", "")
      GitSandbox.git(root, "init", "--quiet", "lonely")
      return Desk.of({
        folder: root,
        databaseUrl: Redacted.value(url),
        closedPort: yield* Loopback.closedPort
      })
    })
  )
}

/** Names of files and folders on the desk, which are made absolute. */
const isInFolder = (arg: string) => /^(checkout|lonely|folder|nowhere|[\w-]+\.json)$/.test(arg)

interface Mistake {
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly problem: RegExp
  readonly fix: RegExp
}

const run = (...args: ReadonlyArray<string>) => ["run", "--repo", "checkout", "--title", "Add", ...args]
const runWith = (file: string, ...args: ReadonlyArray<string>) => run("--proposal", file, ...args)

const again = /^Correct .+ and try again\.$/

/** These are noticed before anything is made: not even Moose's folder. */
const atOnce: Record<string, Mistake> = {
  "a proposal that is not JSON": {
    args: runWith("not.json"),
    problem: /not\.json is not JSON: Unexpected token/,
    fix: /Mend the file/
  },
  "a proposal that is not there": {
    args: runWith("nowhere.json"),
    problem: /^There is no file .*\/nowhere\.json$/,
    fix: /Check the path/
  },
  "a proposal that is a folder": {
    args: runWith("folder"),
    problem: /\/folder cannot be read/,
    fix: /Check the path/
  },
  "a missing field": {
    args: runWith("incomplete.json"),
    problem: /\/incomplete\.json: pullRequestBody is missing$/,
    fix: again
  },
  "a field of the wrong type": {
    args: runWith("wrong-type.json"),
    problem: /\/wrong-type\.json: summary: Expected string/,
    fix: again
  },
  "no edits": {
    args: runWith("no-edits.json"),
    problem: /\/no-edits\.json: edits: must not be empty$/,
    fix: again
  },
  "an empty search": {
    args: runWith("empty-search.json"),
    problem: /\/empty-search\.json: edits\[1\]\.search: must not be empty$/,
    fix: again
  },
  "a NUL character": {
    args: runWith("nul.json"),
    problem: /\/nul\.json: edits\[0\]\.replace: must be text without NUL/,
    fix: again
  },
  "half of a surrogate pair": {
    args: runWith("half.json"),
    problem: /\/half\.json: commitMessage: must be text/,
    fix: again
  },
  "a title with a line break": {
    args: ["run", "--repo", "checkout", "--title", "two\nlines", "--proposal", "good.json"],
    problem: /^--title: must be one line of 1 to 200 characters$/,
    fix: again
  },
  "an id with a space": {
    args: runWith("good.json", "--id", "a b"),
    problem: /^--id: must be 1 to 64/,
    fix: again
  },
  "an amount in words": {
    args: runWith("good.json", "--max-usd", "five"),
    problem: /^--max-usd: must be dollars/,
    fix: again
  },
  "an empty scope": {
    args: runWith("good.json", "--scope", ""),
    problem: /^--scope: must not be empty$/,
    fix: again
  },
  "an empty base branch": {
    args: runWith("good.json", "--base", ""),
    problem: /^--base: must not be empty$/,
    fix: again
  },
  "no repository at all": {
    args: ["run", "--title", "Add"],
    problem: /^Missing required flag: --repo$/,
    fix: /^See: moose run --help$/
  },
  "an empty repository": {
    args: ["run", "--repo", "", "--title", "Add"],
    problem: /^--repo: must not be empty$/,
    fix: /^Name the folder/
  },
  "a failure that the demo does not know": {
    args: ["demo", "--fail", "Nothing"],
    problem: /^--fail: Nothing is not a failure/,
    fix: /PushRejected/
  },
  "a work order with a title of two lines": {
    args: ["submit", "order-title.json"],
    problem: /order-title\.json: title: must be one line/,
    fix: again
  },
  "a number of slots in words": {
    args: ["status"],
    env: { MOOSE_SLOTS: "many" },
    problem: /^The environment: MOOSE_SLOTS: /,
    fix: /README\.md/
  },
  "a repository that is not there": {
    args: ["run", "--repo", "nowhere", "--title", "Add"],
    problem: /^--repo: there is no folder .*\/nowhere$/,
    fix: /^Name the folder/
  },
  "a folder that is no repository": {
    args: ["run", "--repo", "folder", "--title", "Add"],
    problem: /^--repo: .*\/folder is no git repository$/,
    fix: /^Name the folder/
  },
  "a repository without a remote": {
    args: ["run", "--repo", "lonely", "--title", "Add"],
    problem: /^--repo: the repository .*\/lonely has no remote/,
    fix: /git -C .*\/lonely remote add origin/
  },
  "an unknown flag": {
    args: run("--propsal", "good.json"),
    problem: /^Unrecognized flag: --propsal in command moose run$/,
    fix: /^Did you mean --proposal\? See: moose run --help$/
  },
  "an unknown command": {
    args: ["stats"],
    problem: /^Unknown subcommand "stats" for "moose"$/,
    fix: /See: moose --help$/
  },
  "an unknown editor": {
    args: runWith("good.json"),
    env: { MOOSE_EDITOR: "unknown" },
    problem: /^The environment: MOOSE_EDITOR: Expected "built-in"/,
    fix: /README\.md/
  }
}

/** These need the database or the remote: Moose's folder is there, but no order and nothing of one. */
const afterLooking: Record<string, Mistake> = {
  "a negative price": {
    args: runWith("good.json"),
    env: { MOOSE_PRICES: "prices.json" },
    problem: /^MOOSE_PRICES: \/.*\/prices\.json: \[0\]\.output: must be dollars/,
    fix: /^Correct the file, or unset MOOSE_PRICES/
  },
  "a base branch that is not there": {
    args: runWith("good.json", "--base", "absent"),
    problem: /^--base: .*origin\.git has no branch absent$/,
    fix: /^Name a branch/
  },
  "a base branch that looks like an option": {
    args: runWith("good.json", "--base=--upload-pack=touch"),
    problem: /^--base: .*--upload-pack=touch/,
    fix: /^Name a branch/
  },
  "a remote that does not answer": {
    args: ["run", "--repo", "http://127.0.0.1:1/a/b.git", "--title", "Add"],
    problem: /^http:\/\/127\.0\.0\.1:1\/a\/b\.git cannot be reached/,
    fix: /^Nothing answers at that address; check the network/
  },
  "a remote with a password that does not answer": {
    args: ["run", "--repo", "http://ada:secret1234@127.0.0.1:1/a/b.git", "--title", "Add"],
    problem: /^(?!.*secret1234).* cannot be reached/,
    fix: /^Nothing answers at that address; check the network/
  },
  "an order that nobody submitted": {
    args: ["status", "nobody"],
    problem: /^There is no work order nobody$/,
    fix: /moose status/
  },
  "a project that nobody added": {
    args: ["submit", "order.json"],
    problem: /^There is no project nobody$/,
    fix: /moose project add/
  }
}

/** Two lines and nothing else: what is wrong, and what to do. */
const assertExplained = (ended: Cli.Ended, problem: RegExp, fix: RegExp) => {
  assert.strictEqual(ended.code, 1, ended.stdout + ended.stderr)
  assert.strictEqual(ended.stdout, "")
  const [first = "", second = "", ...more] = ended.stderr.split("\n")
  assert.deepStrictEqual(more, [""], ended.stderr)
  assert.match(first, /^moose: /)
  assert.match(first.slice("moose: ".length), problem)
  assert.match(second, /^ {2}\S/)
  assert.match(second.trim(), fix)
  assert.notMatch(ended.stderr, /\bat .*\.[jt]s:\d+|This is a bug|\[object/)
}

const newHome = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return path.join(yield* fs.makeTempDirectoryScoped({ prefix: "moose-mistake-" }), "home")
})

/** Makes a mistake in a home of its own, and answers where that would be. */
const make = Effect.fnUntraced(function* ({ args, env, problem, fix }: Mistake, databaseUrl: string) {
  const path = yield* Path.Path
  const { folder } = yield* Desk
  const home = yield* newHome
  const absolute = (arg: string) => (isInFolder(arg) ? path.join(folder, arg) : arg)
  const set = Object.fromEntries(Object.entries(env ?? {}).map(([name, value]) => [name, absolute(value)]))
  const ended = yield* Cli.here(args.map(absolute), {
    MOOSE_HOME: home,
    DATABASE_URL: databaseUrl,
    ...set
  })
  assertExplained(ended, problem, fix)
  return home
})

const shared = Desk.layer.pipe(Layer.provideMerge(TestDatabase.layer), Layer.provideMerge(NodeServices.layer))

const withoutTables = Desk.layer.pipe(
  Layer.provideMerge(TestDatabase.layerEmpty),
  Layer.provideMerge(NodeServices.layer)
)

const orders = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql`select id from public.work_orders`
})

describe.concurrent("a mistake", () => {
  layer(shared, { excludeTestServices: true })((test) => {
    for (const [name, mistake] of Object.entries(atOnce)) {
      test.effect(name, () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { databaseUrl } = yield* Desk
          const home = yield* make(mistake, databaseUrl)
          assert.isFalse(yield* fs.exists(home))
        }).pipe(Effect.scoped)
      )
    }

    for (const [name, mistake] of Object.entries(afterLooking)) {
      test.effect(name, () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { databaseUrl } = yield* Desk
          const home = yield* make(mistake, databaseUrl)
          assert.deepStrictEqual(yield* orders, [])
          for (const folder of ["worktrees", "mirrors", "instructions"]) {
            assert.isFalse(yield* fs.exists(`${home}/${folder}`))
          }
        }).pipe(Effect.scoped)
      )
    }

    test.effect("a database that does not answer", () =>
      Effect.gen(function* () {
        const { closedPort } = yield* Desk
        yield* make(
          {
            args: ["status"],
            problem: /^The database cannot be reached/,
            fix: /^Check that the database is up/
          },
          `postgres://somebody@127.0.0.1:${closedPort}/nothing`
        )
      }).pipe(Effect.scoped)
    )

    test.effect("an address that is none of a database", () =>
      make(
        {
          args: ["status"],
          problem: /^The database cannot be reached/,
          fix: /^Check the database's address/
        },
        "nonsense"
      ).pipe(Effect.scoped)
    )

    test.effect("as a process: the same words, and its exit code", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const { folder, databaseUrl } = yield* Desk
        const home = yield* newHome
        const options = { cwd: folder, env: { MOOSE_HOME: home, DATABASE_URL: databaseUrl } }
        const [usage, field] = yield* Effect.all(
          [Cli.run(run("--propsal", "good.json"), options), Cli.run(runWith("nul.json"), options)],
          { concurrency: "unbounded" }
        )
        assertExplained(usage, /^Unrecognized flag: --propsal/, /^Did you mean --proposal\?/)
        assertExplained(field, /^nul\.json: edits\[0\]\.replace: /, /^Correct nul\.json and try again\.$/)
        assert.isFalse(yield* fs.exists(home))
      }).pipe(Effect.scoped)
    )
  })

  layer(withoutTables, { excludeTestServices: true })((test) => {
    test.effect("a database without tables: moose migrate makes them", () =>
      Effect.gen(function* () {
        const { databaseUrl } = yield* Desk
        const problem = /^The database has no tables of Moose yet$/
        const fix = /moose migrate$/
        yield* make({ args: ["worker"], problem, fix }, databaseUrl)
        yield* make({ args: runWith("good.json"), problem, fix }, databaseUrl)
        const env = { DATABASE_URL: databaseUrl }
        const migrated = yield* Cli.here(["migrate"], env)
        assert.match(migrated.stdout, /^Applied 0001_tables\.sql, .*\.$/m)
        const status = yield* Cli.here(["status"], env)
        assert.deepStrictEqual([status.code, status.stdout], [0, "No work orders yet. Try: moose demo\n"])
      }).pipe(Effect.scoped)
    )
  })

  layer(shared, { excludeTestServices: true })((test) => {
    /** Edits that only the worker can judge: their order is kept, and says why. */
    const refused = (name: string, args: ReadonlyArray<string>, words: RegExp, fix: RegExp) =>
      test.effect(name, () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          const { folder, databaseUrl } = yield* Desk
          const home = yield* newHome
          const there = args.map((arg) => (isInFolder(arg) ? path.join(folder, arg) : arg))
          const ended = yield* Cli.here(there, { MOOSE_HOME: home, DATABASE_URL: databaseUrl })
          assert.strictEqual(ended.code, 1, ended.stdout + ended.stderr)
          assert.strictEqual(ended.stderr, "")
          const [, report = ""] = ended.stdout.split("\n\n")
          const [status, problem = "", removed, todo = "", ...more] = report.trimEnd().split("\n")
          assert.strictEqual(status, "aider_failed (rolled_back)")
          assert.match(problem, words)
          assert.strictEqual(removed, "  removed: worktree, instruction file")
          assert.match(todo, fix)
          assert.match(
            more.join(),
            /^ {2}To decide: moose escalations show \d+: Give the order up, and submit a corrected/
          )
          const [mirror = ""] = yield* fs.readDirectory(path.join(home, "mirrors"))
          const directory = path.join(home, "mirrors", mirror)
          assert.strictEqual(GitSandbox.git(directory, "worktree", "list"), `${directory}  (bare)`)
          assert.strictEqual(GitSandbox.git(directory, "for-each-ref", "refs/heads/moose"), "")
          const origin = path.join(folder, "origin.git")
          assert.strictEqual(GitSandbox.git(origin, "for-each-ref", "refs/heads/moose"), "")
        }).pipe(Effect.scoped)
      )

    refused(
      "an edit outside of the scope",
      runWith("good.json", "--scope", "docs/"),
      /src\/add\.ts.*docs\//,
      /--scope/
    )
    refused("an edit outside of the repository", runWith("upwards.json"), /\.\.\/add\.ts/, /relative path/)
  })
})

describe("Migrations.verify", () => {
  it.effect("accepts the database that it knows, and no other", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* Migrations.verify

      yield* sql`delete from moose.migrations where id = (select max(id) from moose.migrations)`
      const older = yield* Effect.flip(Migrations.verify)
      assert.instanceOf(older, Migrations.NotMigrated)
      assert.match(older.message, /older than this version of Moose: 1 of \d+ migrations are missing/)
      assert.include(older._tag === "NotMigrated" ? older.fix : "", "moose migrate")

      yield* sql`insert into moose.migrations (id, name, checksum, applied_at)
        values (9999, '9999_future.sql', 'x', moose.now())`
      const newer = yield* Effect.flip(Migrations.verify)
      assert.instanceOf(newer, Migrations.NotMigrated)
      assert.match(newer.message, /migration 9999, and this version of Moose knows none after/)
    }).pipe(Effect.provide(TestDatabase.layer))
  )
})
