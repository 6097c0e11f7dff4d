import { Config, Schema } from "effect"
import { CliError } from "effect/cli"
import { meaningOf } from "../domain/policies/Meaning.ts"
import { redact } from "../domain/errors/Evidence.ts"
import { PipelineError, Reason } from "../domain/errors/PipelineError.ts"
import { EmbeddedPostgresFailed } from "../layers/postgres/EmbeddedPostgres.ts"
import { MigrationFailed } from "../layers/postgres/Migrations.ts"
import { UserError } from "./UserError.ts"

/** What to print for an error: what is wrong, and what to do about it. */
export interface Explanation {
  readonly problem: string
  readonly fix: string
}

const isReason = Schema.is(Reason)
const isPipelineError = Schema.is(PipelineError)
const isUserError = Schema.is(UserError)
const isEmbedded = Schema.is(EmbeddedPostgresFailed)
const isMigration = Schema.is(MigrationFailed)

const firstLine = (text: string) => redact(text.split("\n", 1)[0] ?? "")

const bug = "This is a bug in Moose. Please report it, with what you typed."

/** Explains whatever a command failed with. */
export const explain = (error: unknown): Explanation => {
  if (isUserError(error)) return { problem: error.problem, fix: error.fix }
  if (isPipelineError(error)) return { problem: error.message, fix: error.failure.hint }
  if (isReason(error)) return { problem: firstLine(error.message), fix: meaningOf(error).hint }
  if (isEmbedded(error)) return { problem: firstLine(error.message), fix: error.fix }
  if (isMigration(error))
    return { problem: firstLine(error.message), fix: "Compare the database with migrations/." }
  if (error instanceof Config.ConfigError) {
    return { problem: `The environment: ${firstLine(error.message)}`, fix: "README.md lists the variables." }
  }
  if (CliError.isCliError(error)) return { problem: firstLine(error.message), fix: "See: moose --help" }
  return {
    problem: firstLine(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
    fix: bug
  }
}
