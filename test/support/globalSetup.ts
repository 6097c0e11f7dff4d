import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import type { TestProject } from "vitest/node"
import * as EmbeddedPostgres from "../../src/layers/postgres/EmbeddedPostgres.ts"
import * as Processes from "../../src/layers/postgres/embedded/Processes.ts"
import * as Migrations from "../../src/layers/postgres/Migrations.ts"
import * as ServerFolders from "./ServerFolders.ts"

declare module "vitest" {
  interface ProvidedContext {
    testDatabase: Provided
  }
}

/** What the one server of a test run offers; each problem fails only the tests that need what it spoilt. */
export interface Provided {
  /** Where `create database` can be said, or why there is no server. */
  readonly server: { readonly url: string } | { readonly problem: string }
  /** The database with every migration applied, or why it could not be made. */
  readonly template: { readonly name: string } | { readonly problem: string }
}

const temporary = Layer.unwrap(
  Effect.gen(function* () {
    yield* Effect.ignore(ServerFolders.sweep)
    return EmbeddedPostgres.layer({ dataDirectory: yield* ServerFolders.make, durable: false })
  })
)

/** All that a Ctrl-C leaves time for; the folder is for the next run to sweep up. */
const endsWithProcess = Layer.effectDiscard(
  Effect.gen(function* () {
    const { processId } = yield* EmbeddedPostgres.EmbeddedPostgres
    const quit = () => Effect.runSync(Processes.signal(processId, "SIGQUIT"))
    yield* Effect.acquireRelease(
      Effect.sync(() => process.once("exit", quit)),
      () => Effect.sync(() => process.off("exit", quit))
    )
  })
)

const server = endsWithProcess.pipe(Layer.provideMerge(temporary), Layer.provideMerge(NodeServices.layer))

const templateName = "template_moose"

/** A template may have no connections, so the one that migrates it is closed again. */
const makeTemplate = (url: string) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* sql.unsafe(`create database ${templateName}`).unprepared
    const templateUrl = new URL(url)
    templateUrl.pathname = `/${templateName}`
    yield* Effect.provide(Migrations.run, PgClient.layer({ url: Redacted.make(templateUrl.href) }))
    return { name: templateName }
  }).pipe(
    Effect.provide(PgClient.layer({ url: Redacted.make(url) })),
    Effect.catch((error) => Effect.succeed({ problem: error.message }))
  )

/** Starts one PostgreSQL for the whole run, in a temporary folder, and stops it afterwards. */
export default async function setup(project: TestProject) {
  const runtime = ManagedRuntime.make(server)
  const provide = Effect.gen(function* () {
    const { url } = yield* EmbeddedPostgres.EmbeddedPostgres
    const address = Redacted.value(url)
    return { server: { url: address }, template: yield* makeTemplate(address) } satisfies Provided
  })
  const provided = await runtime.runPromise(provide).catch((error: unknown): Provided => ({
    server: { problem: String(error) },
    template: { problem: "There is no server" }
  }))
  project.provide("testDatabase", provided)
  return () => runtime.dispose()
}
