import { tmpdir } from "node:os"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, FileSystem, Layer, Option, Path, Scope } from "effect"
import { EmbeddedPostgres, type Options } from "../../../src/layers/postgres/EmbeddedPostgres.ts"
import * as Embedded from "../../../src/layers/postgres/EmbeddedPostgres.ts"
import * as Binaries from "../../../src/layers/postgres/embedded/Binaries.ts"
import * as DataFolder from "../../../src/layers/postgres/embedded/DataFolder.ts"
import * as Processes from "../../../src/layers/postgres/embedded/Processes.ts"
import * as ServerUser from "../../../src/layers/postgres/embedded/ServerUser.ts"
import * as PostgresProcess from "../../support/PostgresProcess.ts"
import * as ServerFolders from "../../support/ServerFolders.ts"

const isRoot = process.getuid?.() === 0
const nobody = { uid: 65534, gid: 65534 }
const platform = `${process.platform}-${process.arch}`

/** A folder that is initialized once; most tests start a server on it that stops when they end. */
class Data extends Context.Service<Data, { readonly directory: string }>()("test/Data") {}

const data = Layer.effect(
  Data,
  Effect.gen(function* () {
    return { directory: yield* ServerFolders.make }
  })
)

const open = (options: Options) =>
  Effect.map(Layer.build(Embedded.layer({ durable: false, ...options })), Context.get(EmbeddedPostgres))

/** Uses a server and leaves it again. */
const visit = (options: Options) => Effect.scoped(open(options))

const failureOf = (options: Options) => Effect.flip(visit(options))

const isRunning = (pid: number) => Effect.map(Processes.find(pid), Option.isSome)

const ask = <Row extends object>(server: EmbeddedPostgres["Service"], query: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe<Row>(query)).pipe(
    Effect.provide(PgClient.layer({ url: server.url, maxConnections: 1 }))
  )

const writePidFile = Effect.fn(function* (directory: string, pid: number) {
  const fs = yield* FileSystem.FileSystem
  const lines = [pid, `${directory}/cluster`, 1, 5432, "", "127.0.0.1", "1 1", "ready"]
  yield* fs.writeFileString(`${directory}/cluster/postmaster.pid`, lines.join("\n"))
})

const deadPid = Effect.map(
  Processes.run({ command: "/bin/sh", args: ["-c", "echo $$"], env: {}, runAs: null }),
  ({ output }) => Number(output)
)

layer(Layer.provideMerge(data, NodeServices.layer), { excludeTestServices: true })(
  "EmbeddedPostgres",
  (it) => {
    it.effect("is one when two processes start it at once on an empty folder", () =>
      Effect.gen(function* () {
        const { directory } = yield* Data
        const [one, two] = yield* Effect.all(
          [PostgresProcess.use(directory), PostgresProcess.use(directory)],
          {
            concurrency: "unbounded"
          }
        )
        assert.strictEqual(one.server.processId, two.server.processId)
        assert.strictEqual(one.server.url, two.server.url)
        assert.notStrictEqual(one.server.reused, two.server.reused)
        yield* Effect.all([one.leave, two.leave], { concurrency: "unbounded" })
        assert.isFalse(yield* isRunning(one.server.processId))
      })
    )

    describe("one server", () => {
      it.effect("is private, durable, and stops with its only user", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          const scope = yield* Scope.make()
          const server = yield* Scope.provide(open({ dataDirectory: directory, durable: true }), scope)
          assert.isFalse(server.reused)
          const [facts] = yield* ask<Record<string, unknown>>(
            server,
            `select current_database() as database, current_setting('server_encoding') as encoding,
             upper('ä') as upper, 'Z' < 'a' as by_code_point, current_setting('fsync') as fsync,
             current_setting('listen_addresses') as listens,
             current_setting('unix_socket_directories') as sockets, current_setting('timezone') as zone`
          )
          assert.deepStrictEqual(facts, {
            database: "moose",
            encoding: "UTF8",
            upper: "Ä",
            by_code_point: true,
            fsync: "on",
            listens: "127.0.0.1",
            sockets: "",
            zone: "UTC"
          })
          yield* ask(server, "create table kept as select 42 as answer")
          const password = yield* fs.stat(`${directory}/password`)
          assert.strictEqual(password.mode & 0o777, 0o600)
          const stranger = PgClient.layer({ host: "127.0.0.1", port: server.port, username: "postgres" })
          const refused = yield* Effect.flip(
            Effect.flatMap(PgClient.PgClient, (sql) => sql`select 1`).pipe(Effect.provide(stranger))
          )
          assert.strictEqual(refused.reason._tag, "AuthenticationError")
          yield* Scope.close(scope, Exit.void)
          assert.isFalse(yield* isRunning(server.processId))
          assert.isFalse(yield* fs.exists(`${directory}/cluster/postmaster.pid`))
          assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/users`), [])
        })
      )

      it.effect("never runs as root", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          yield* open({ dataDirectory: directory })
          const owner = yield* fs.stat(`${directory}/cluster/postmaster.pid`)
          assert.isTrue(Option.exists(owner.uid, (uid) => uid === (isRoot ? nobody.uid : process.getuid?.())))
        })
      )

      it.effect("starts again on the same data, forgetful when asked to", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          const server = yield* open({ dataDirectory: directory, durable: false })
          assert.isFalse(server.reused)
          const rows = yield* ask<{ answer: number; fsync: string }>(
            server,
            "select answer, current_setting('fsync') as fsync from kept"
          )
          assert.deepStrictEqual(rows, [{ answer: 42, fsync: "off" }])
        })
      )

      it.effect("is shared within a process", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          const servers = yield* Effect.all(
            [1, 2, 3].map(() => open({ dataDirectory: directory })),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(new Set(servers.map(({ processId }) => processId)).size, 1)
          assert.strictEqual(servers.filter(({ reused }) => !reused).length, 1)
          // One use that ends does not end the others'.
          yield* visit({ dataDirectory: directory })
          assert.lengthOf(yield* ask(servers[0] ?? (yield* Effect.die("no server")), "select 1"), 1)
        })
      )
    })

    describe("several processes", () => {
      it.effect("share one server, which outlives a user that is killed and stops with the last", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          const other = yield* PostgresProcess.use(directory)
          assert.isFalse(other.server.reused)
          const joined = yield* visit({ dataDirectory: directory })
          assert.isTrue(joined.reused)
          assert.strictEqual(joined.processId, other.server.processId)
          assert.isTrue(yield* isRunning(joined.processId))
          yield* other.kill
          assert.isTrue(yield* isRunning(joined.processId))
          const last = yield* visit({ dataDirectory: directory })
          assert.isTrue(last.reused)
          assert.strictEqual(last.processId, joined.processId)
          assert.isFalse(yield* isRunning(last.processId))
        })
      )

      it.effect("of root and of an ordinary user share one as well", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          const canSwitch =
            isRoot &&
            (yield* ServerUser.canReach(nobody, process.execPath)) &&
            (yield* ServerUser.canReach(nobody, import.meta.dirname))
          if (canSwitch) {
            const owned = ["", "/lock", "/users", "/password"]
            yield* Effect.forEach(owned, (name) => fs.chown(directory + name, nobody.uid, nobody.gid))
          }
          const user = yield* PostgresProcess.use(directory, canSwitch ? nobody : undefined)
          assert.isFalse(user.server.reused)
          const joined = yield* visit({ dataDirectory: directory })
          assert.isTrue(joined.reused)
          yield* user.leave
          assert.isFalse(yield* isRunning(joined.processId))
        })
      )
    })

    describe("what a crash leaves behind", () => {
      it.effect("is no obstacle: postmaster.pid of a process that is gone", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          yield* writePidFile(directory, yield* deadPid)
          assert.isFalse((yield* visit({ dataDirectory: directory })).reused)
        })
      )

      it.effect("is no obstacle: postmaster.pid whose number now belongs to something else", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          yield* writePidFile(directory, process.pid)
          assert.isFalse((yield* visit({ dataDirectory: directory })).reused)
        })
      )

      it.effect("is no obstacle: an empty postmaster.pid", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          yield* fs.writeFileString(`${directory}/cluster/postmaster.pid`, "")
          assert.isFalse((yield* visit({ dataDirectory: directory })).reused)
        })
      )

      it.effect("is no obstacle: a lock and a user whose processes are gone", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          const dead = yield* deadPid
          yield* fs.symlink(`${dead}-1`, `${directory}/lock/900000`)
          // The number is this process's, its start is not.
          const namesakes = [dead, process.pid].map((pid) => `${pid}-1-00000000-0000-0000-0000-000000000000`)
          yield* Effect.forEach(namesakes, (name) => fs.writeFileString(`${directory}/users/${name}`, ""))
          const server = yield* visit({ dataDirectory: directory })
          assert.isFalse(yield* isRunning(server.processId))
          assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/users`), [])
        })
      )

      it.effect("is no obstacle: a server that was killed under its user", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          const server = yield* open({ dataDirectory: directory })
          yield* Processes.signal(server.processId, "SIGKILL")
          yield* Processes.waitFor(
            Duration.seconds(5),
            Effect.map(isRunning(server.processId), (runs) => (runs ? Option.none() : Option.some(true)))
          )
          const next = yield* visit({ dataDirectory: directory })
          assert.isFalse(next.reused)
          assert.notStrictEqual(next.processId, server.processId)
        })
      )

      it.effect("is nothing when the start is interrupted", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const directory = yield* ServerFolders.make
          const starting = yield* Effect.forkChild(visit({ dataDirectory: directory }))
          const initdbRuns = Effect.map(fs.readDirectory(directory), (names) =>
            names.some((name) => name.startsWith("unfinished-")) ? Option.some(true) : Option.none()
          )
          assert.isTrue(Option.isSome(yield* Processes.waitFor(Duration.seconds(10), initdbRuns)))
          yield* Fiber.interrupt(starting)
          assert.sameMembers(yield* fs.readDirectory(directory), ["lock", "users"])
          assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/users`), [])
        })
      )
    })

    describe("binaries", () => {
      /** The installed package as it is after an installation without install scripts, where only its owner may go. */
      const withoutLinks = Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const installed = yield* Binaries.locate(platform)
        const native = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "moose-private-" }), "native")
        const links: Array<{ source: string; target: string }> = []
        for (const folder of ["bin", "lib", "share"]) {
          yield* fs.makeDirectory(path.join(native, folder), { recursive: true })
          for (const name of yield* fs.readDirectory(path.join(installed, folder), { recursive: true })) {
            const [from, to] = [path.join(installed, folder, name), path.join(native, folder, name)]
            const target = yield* Effect.option(fs.readLink(from))
            if (Option.isSome(target)) {
              links.push({ source: `native/${folder}/${target.value}`, target: `native/${folder}/${name}` })
            } else if ((yield* fs.stat(from)).type === "Directory") yield* fs.makeDirectory(to)
            else yield* Effect.catch(fs.link(from, to), () => fs.copyFile(from, to))
          }
        }
        yield* fs.writeFileString(path.join(native, "pg-symlinks.json"), JSON.stringify(links))
        return native
      })

      it.effect(
        "work without the links that an install script makes, where the server's user may not go",
        () =>
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            const { directory } = yield* Data
            const native = yield* withoutLinks
            const before = yield* fs.readDirectory(native, { recursive: true })
            const server = yield* open({ dataDirectory: directory, binaries: native })
            assert.lengthOf(yield* ask(server, "select now() at time zone 'Europe/Berlin'"), 1)
            assert.includeMembers(yield* fs.readDirectory(`${directory}/libraries`), ["libicuuc.so.60"])
            assert.sameMembers(yield* fs.readDirectory(native, { recursive: true }), before)
            const copies = (yield* fs.readDirectory(directory)).filter((name) => name.startsWith("binaries-"))
            assert.lengthOf(copies, isRoot ? 1 : 0)
          })
      )

      it.effect("that are not there are reported with what to do", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          const failure = yield* failureOf({ dataDirectory: directory, binaries: `${directory}/nowhere` })
          assert.strictEqual(failure.problem, "binaries_missing")
          assert.include(failure.fix, "npm install")
          const unsupported = yield* Effect.flip(Binaries.locate("sunos-sparc"))
          assert.strictEqual(unsupported.problem, "unsupported_platform")
          assert.include(unsupported.fix, "DATABASE_URL")
        })
      )

      it.effect("that fail are quoted", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const directory = yield* ServerFolders.make
          const fake = `${directory}/fake`
          yield* fs.makeDirectory(`${fake}/bin`, { recursive: true })
          yield* Effect.forEach(["lib", "share"], (name) => fs.makeDirectory(`${fake}/${name}`))
          for (const name of ["initdb", "postgres"]) {
            yield* fs.writeFileString(
              `${fake}/bin/${name}`,
              "#!/bin/sh\necho the moon is wrong >&2\nexit 3\n",
              { mode: 0o755 }
            )
          }
          yield* fs.chmod(directory, 0o755)
          const data = `${directory}/data`
          const failure = yield* failureOf({ dataDirectory: data, binaries: fake })
          assert.strictEqual(failure.problem, "initdb_failed")
          assert.strictEqual(failure.evidence.exitCode, 3)
          assert.include(failure.evidence.excerpt, "the moon is wrong")
          assert.sameMembers(yield* fs.readDirectory(data), ["lock", "users"])
          yield* fs.makeDirectory(`${data}/cluster`)
          yield* fs.writeFileString(`${data}/password`, "x")
          const second = yield* failureOf({ dataDirectory: data, binaries: fake })
          assert.strictEqual(second.problem, "start_failed")
          assert.include(second.evidence.excerpt, "the moon is wrong")
        })
      )
    })

    describe("failures", () => {
      it.effect("of the server end with the end of its log", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          const control = `${directory}/cluster/global/pg_control`
          yield* fs.rename(control, `${control}.away`)
          const failure = yield* failureOf({ dataDirectory: directory })
          yield* fs.rename(`${control}.away`, control)
          assert.strictEqual(failure.problem, "start_failed")
          assert.include(failure.evidence.excerpt, "pg_control")
          assert.include(failure.fix, "server.log")
        })
      )

      it.effect("to log in are told from a server that is not there", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const { directory } = yield* Data
          const password = `${directory}/password`
          const right = yield* fs.readFileString(password)
          yield* fs.writeFileString(password, "wrong")
          const failure = yield* failureOf({ dataDirectory: directory })
          yield* fs.remove(password)
          const lost = yield* failureOf({ dataDirectory: directory })
          yield* fs.writeFileString(password, right, { mode: 0o600 })
          assert.strictEqual(failure.problem, "start_failed")
          assert.include(failure.fix, "password")
          assert.strictEqual(lost.problem, "data_folder")
          assert.isFalse((yield* visit({ dataDirectory: directory })).reused)
        })
      )

      it.effect("to write the folder name it", () =>
        Effect.gen(function* () {
          const { directory } = yield* Data
          const failure = yield* failureOf({ dataDirectory: `${directory}/password/below` })
          assert.strictEqual(failure.problem, "data_folder")
          assert.include(failure.fix, "password/below")
        })
      )
    })

    it.effect("has its data elsewhere, and a note says so, where the server's user may not go", () =>
      Effect.gen(function* () {
        const path = yield* Path.Path
        const fs = yield* FileSystem.FileSystem
        const wanted = `${yield* fs.makeTempDirectoryScoped({ prefix: "moose-private-" })}/data`
        const folder = yield* DataFolder.open(wanted)
        if (!isRoot) return assert.strictEqual(folder.root, yield* fs.realPath(wanted))
        yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(folder.root, { recursive: true })))
        assert.isTrue(folder.root.startsWith(`${yield* fs.realPath(tmpdir())}/moose-postgres-`))
        assert.isTrue(yield* ServerUser.canReach(nobody, folder.root))
        assert.include(yield* fs.readFileString(`${wanted}/MOVED.txt`), folder.root)
        assert.strictEqual((yield* DataFolder.open(wanted)).root, folder.root)
        // What was kept for a temporary project goes after the project has gone.
        const other = yield* DataFolder.open(`${wanted}/../other`)
        yield* fs.remove(`${wanted}/../other`, { recursive: true })
        yield* DataFolder.open(wanted)
        assert.isFalse(yield* fs.exists(other.root))
        yield* fs.chmod(path.dirname(wanted), 0o755)
        assert.strictEqual((yield* DataFolder.open(wanted)).root, folder.root)
        // Somebody else's folder of that name is not trusted.
        yield* fs.chown(folder.root, nobody.uid, nobody.gid)
        const failure = yield* Effect.flip(DataFolder.open(wanted))
        assert.strictEqual(failure.problem, "data_folder")
      })
    )
  }
)
