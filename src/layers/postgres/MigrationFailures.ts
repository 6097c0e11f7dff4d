import { Option, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { StoreUnavailable } from "../../domain/errors/Reasons.ts"
import { MigrationFailed } from "./MigrationFiles.ts"
import type { SqlStatement } from "./SqlStatements.ts"
import { met } from "./StoreFailures.ts"

const ServerError = Schema.Struct({
  code: Schema.String,
  message: Schema.String,
  detail: Schema.optional(Schema.String),
  hint: Schema.optional(Schema.String),
  where: Schema.optional(Schema.String),
  position: Schema.optional(Schema.NumberFromString)
})
const readServerError = Schema.decodeUnknownOption(ServerError)

const evidenceOf = (operation: string, error: SqlError) => {
  const { evidence } = met(error.reason.cause)
  return Option.match(readServerError(error.reason.cause), {
    onNone: () =>
      Evidence.make({
        operation,
        excerpt: `${error.message}: ${String(error.reason.cause)}`,
        cause: error,
        ...evidence
      }),
    onSome: ({ code, message, detail, hint, where }) =>
      Evidence.make({
        operation,
        excerpt: [message, detail, hint, where].filter((part) => part !== undefined).join(". "),
        sqlState: code,
        cause: error,
        ...evidence
      })
  })
}

/** The database could not be asked, or did not answer. */
export const unavailable = (operation: string) => (error: SqlError) =>
  new StoreUnavailable({ evidence: evidenceOf(operation, error) })

/** A database that is away is not the file's fault. */
export const failure = (file: string, statement: number | null, line: number | null, operation: string) => {
  return (error: SqlError) =>
    met(error.reason.cause).standing === "away"
      ? unavailable(operation)(error)
      : new MigrationFailed({ file, statement, line, evidence: evidenceOf(operation, error) })
}

/** PostgreSQL counts the characters of the statement, from 1. */
export const lineOf = (statement: SqlStatement, error: SqlError): number => {
  const position = readServerError(error.reason.cause).pipe(
    Option.flatMapNullishOr((server) => server.position),
    Option.getOrElse(() => 1)
  )
  const before = Array.from(statement.text).slice(0, position - 1)
  return statement.line + before.filter((character) => character === "\n").length
}
