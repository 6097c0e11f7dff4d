import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import * as LocalForge from "../../src/layers/forge/LocalForge.ts"
import * as EmbeddedPostgres from "../../src/layers/postgres/EmbeddedPostgres.ts"
import * as Migrations from "../../src/layers/postgres/Migrations.ts"
import * as Subprocess from "../../src/layers/Subprocess.ts"
import type { Sabotage } from "./Plan.ts"
import * as Processes from "./Processes.ts"

/* What schedules that come one after the other share: a server, a forge, processes that are loaded. */

/** git by hand, which sees no configuration of this machine. */
export const git = Effect.fnUntraced(function* (cwd: string, ...args: ReadonlyArray<string>) {
  const ended = yield* Subprocess.run({
    command: "git",
    args: ["-c", "safe.bareRepository=all", ...args],
    cwd,
    env: {
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.org",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.org"
    },
    timeout: Duration.seconds(30),
    outputBytesMax: 1024 * 1024
  })
  if (ended.exitCode !== 0) return yield* Effect.fail(new Error(`git ${args.join(" ")}: ${ended.stderr}`))
  return Subprocess.text(ended.stdout).trim()
})

const files: Readonly<Record<string, string>> = {
  "README.md": "# Questions and answers\n",
  "src/question.txt": "What is the answer?\n"
}

/** A repository to copy. */
const origin = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const checkout = path.join(root, "checkout")
  const bare = path.join(root, "origin.git")
  yield* fs.makeDirectory(path.join(checkout, "src"), { recursive: true })
  yield* git(checkout, "init", "--quiet", "--initial-branch=main", "--template=")
  yield* Effect.forEach(Object.entries(files), ([name, content]) =>
    fs.writeFileString(path.join(checkout, name), content)
  )
  yield* git(checkout, "add", "--all")
  yield* git(checkout, "commit", "--quiet", "--message", "Begin")
  yield* git(root, "clone", "--quiet", "--bare", "--template=", checkout, bare)
  return bare
})

const on = (url: Redacted.Redacted<string>, ...statements: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* Effect.forEach(statements, (statement) => sql.unsafe(statement).unprepared)
  }).pipe(Effect.provide(PgClient.layer({ url, maxConnections: 1 })))

/** The mechanism is really gone: the function that had it is another one. */
const without: Partial<Record<Sabotage, string>> = {
  fencing: `create or replace function moose.is_claim(e moose.executions, claimed_by text, claim_number bigint) returns boolean
    language sql immutable as $$ select true $$`,
  intents: `create or replace function moose.intend_resources(p jsonb) returns jsonb language sql as
    $$ select 'true'::jsonb $$`
}

const databaseName = "crash"

/** The tables that are empty in a new database: what is in them later comes from work. */
const tablesOfWork = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const tables = yield* sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'moose')`
  return yield* Effect.filter(
    tables.map(({ name }) => name),
    (name) =>
      Effect.map(
        sql<{ found: boolean }>`select exists (select 1 from ${sql.literal(name)}) as found`,
        ([row]) => row?.found === false
      )
  )
})

const make = Effect.fnUntraced(function* (program: string, sabotage: Sabotage | null) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.makeTempDirectoryScoped({ prefix: "moose-crash-" })
  const server = yield* EmbeddedPostgres.EmbeddedPostgres
  // Processes are killed here, and the machine is not: what the system was told to write is there afterwards.
  yield* on(
    server.url,
    "alter system set fsync = off",
    "select pg_reload_conf()",
    `create database ${databaseName}`
  )
  const url = new URL(Redacted.value(server.url))
  url.pathname = `/${databaseName}`
  const databaseUrl = Redacted.make(url.href)
  const written = yield* Effect.andThen(Migrations.run, tablesOfWork).pipe(
    Effect.provide(PgClient.layer({ url: databaseUrl, maxConnections: 2 }))
  )
  const removed = sabotage === null ? undefined : without[sabotage]
  if (removed !== undefined) yield* on(databaseUrl, removed)

  const forge = yield* LocalForge.make({ directory: path.join(root, "forge") })
  const pool = yield* Processes.pool(program, 1)
  const bare = yield* origin(root)

  return {
    dataDirectory: server.dataDirectory,
    forge,
    pool,
    sabotage,
    /** The lane's database as it was migrated: what the schedule before left in it, and who it left there, are gone. */
    database: Effect.gen(function* () {
      yield* on(
        databaseUrl,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        // Neither references nor triggers: everything goes.
        "set session_replication_role = replica",
        ...written.map((table) => `delete from ${table}`)
      )
      return databaseUrl
    }),
    /** A folder of one's own, and in it a repository of one's own that the forge knows. Gone with the scope. */
    repository: Effect.fnUntraced(function* (name: string) {
      // A git that has outlived its worker may be writing there still; all of it goes with the lane.
      const directory = yield* Effect.acquireRelease(
        fs.makeTempDirectory({ directory: root, prefix: "schedule-" }),
        (made) => Effect.ignore(fs.remove(made, { recursive: true }))
      )
      const location = path.join(directory, "origin.git")
      yield* fs.copy(bare, location)
      yield* forge.registerRepository({ owner: "moose", name, location })
      return { directory, location, repository: { owner: "moose", name } }
    })
  }
})
export type Lane = Effect.Success<ReturnType<typeof make>>

/** Runs schedules one after the other on a lane of their own. */
export const use = <A, E, R>(
  program: string,
  sabotage: Sabotage | null,
  run: (lane: Lane) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDirectory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-crash-postgres-" })
    return yield* Effect.flatMap(make(program, sabotage), run).pipe(
      Effect.provide(Layer.fresh(EmbeddedPostgres.layer({ dataDirectory })))
    )
  }).pipe(Effect.scoped)
