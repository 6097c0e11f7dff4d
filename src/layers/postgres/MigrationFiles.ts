import { createHash } from "node:crypto"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem, Schema } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import * as SqlStatements from "./SqlStatements.ts"

/** The schema could not be brought up to date. Files before this one are applied, this one left no trace. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  file: Schema.String,
  /** Counts from 1; null when the failure is not one statement's. */
  statement: Schema.NullOr(Schema.Int),
  /** In the file, counted from 1. */
  line: Schema.NullOr(Schema.Int),
  evidence: Evidence.Evidence
}) {
  override get message() {
    const where = this.statement === null ? "" : `, statement ${this.statement} (line ${this.line})`
    return `Migration ${this.file}${where}: ${this.evidence.excerpt}`
  }
}

/** One file of migrations. */
export interface Migration {
  readonly id: number
  readonly name: string
  readonly checksum: string
  readonly statements: ReadonlyArray<SqlStatements.SqlStatement>
}

/** A failure that is about a file as a whole. */
export const refused = (file: string, why: string) =>
  new MigrationFailed({
    file,
    statement: null,
    line: null,
    evidence: Evidence.make({ operation: "reading migrations", excerpt: why })
  })

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/

/** The same for every kind of line ending, because git may change them on checkout. */
const parse = (name: string, text: string): Migration => {
  const unix = text.replaceAll("\r\n", "\n")
  return {
    id: Number(name.slice(0, 4)),
    name,
    checksum: createHash("sha256").update(unix).digest("hex"),
    statements: SqlStatements.split(unix)
  }
}

/** The migrations in a folder, in the order in which they apply. */
export const read = Effect.fnUntraced(
  function* (directory: string) {
    const fs = yield* FileSystem.FileSystem
    const unreadable = (error: { readonly message: string }) => refused(directory, error.message)
    const files = yield* Effect.mapError(fs.readDirectory(directory), unreadable)
    const names = files.filter((file) => file.endsWith(".sql")).toSorted()
    const strange = names.find((name) => !fileName.test(name))
    if (strange !== undefined) return yield* refused(strange, "Its name is not like 0001_what_it_does.sql")
    const migrations = yield* Effect.forEach(names, (name) =>
      Effect.map(Effect.mapError(fs.readFileString(`${directory}/${name}`), unreadable), (text) =>
        parse(name, text)
      )
    )
    const twin = migrations.find((migration, index) => migration.id === migrations[index - 1]?.id)
    if (twin !== undefined) return yield* refused(twin.name, `There are two migrations ${twin.id}`)
    return migrations
  },
  // Whoever migrates brings a database; how files are read is no business of theirs.
  Effect.provide(NodeFileSystem.layer)
)
