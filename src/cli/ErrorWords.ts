import { Config, Schema } from "effect"
import type { CliError } from "effect/cli"
import { meaningOf } from "../domain/policies/Meaning.ts"
import { redact } from "../domain/errors/Evidence.ts"
import { PipelineError, Reason } from "../domain/errors/PipelineError.ts"
import {
  BranchOccupied,
  MassDeletionRefused,
  OrderHeld,
  QuarantineEmpty
} from "../domain/errors/PremisesError.ts"
import { EscalationMissing } from "../domain/errors/Reasons.ts"
import { problemOf } from "../domain/SchemaProblem.ts"
import { EmbeddedPostgresFailed } from "../layers/postgres/EmbeddedPostgres.ts"
import { MigrationFailed, NotMigrated } from "../layers/postgres/Migrations.ts"
import { PricesUnreadable } from "../layers/PricesFile.ts"
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
const isPrices = Schema.is(PricesUnreadable)
const isQuarantineEmpty = Schema.is(QuarantineEmpty)
const isOccupied = Schema.is(BranchOccupied)
const isHeld = Schema.is(OrderHeld)
const isMassDeletion = Schema.is(MassDeletionRefused)
const isEscalationMissing = Schema.is(EscalationMissing)
const isNotMigrated = Schema.is(NotMigrated)

const firstLine = (text: string) => text.split("\n", 1)[0] ?? ""

const bug = "This is a bug in Moose. Please report it, with what you typed."

/** Of a variable that cannot be read: its name, and what it must be. */
const configProblem = ({ cause, message }: Config.ConfigError): string =>
  Schema.isSchemaError(cause) ? firstLine(problemOf(cause)) : firstLine(message)

const explanation = (error: unknown): Explanation => {
  if (isUserError(error)) return { problem: error.problem, fix: error.fix }
  if (isPipelineError(error)) return { problem: firstLine(error.message), fix: error.failure.hint }
  if (isReason(error)) return { problem: firstLine(error.message), fix: meaningOf(error).hint }
  if (isEmbedded(error)) return { problem: firstLine(error.message), fix: error.fix }
  if (isPrices(error)) {
    return {
      problem: firstLine(error.message),
      fix: "Correct the file, or unset MOOSE_PRICES. docs/money.md describes it."
    }
  }
  if (isEscalationMissing(error)) {
    return { problem: error.message, fix: "See all with: moose escalations list --all" }
  }
  if (isQuarantineEmpty(error)) return { problem: error.message, fix: "See all with: moose quarantine list" }
  if (isOccupied(error)) {
    return { problem: error.message, fix: "Nothing was overwritten. Rename or remove that branch first." }
  }
  if (isHeld(error)) {
    return { problem: error.message, fix: `Wait for its end: moose status ${error.workOrderId}` }
  }
  if (isMassDeletion(error)) {
    return {
      problem: error.message,
      fix: `Is this the right database for this MOOSE_HOME? Look at them with: moose reconcile. If they may go: moose reconcile --apply --deletions-max ${error.deletions}`
    }
  }
  if (isNotMigrated(error)) return { problem: error.problem, fix: error.fix }
  if (isMigration(error))
    return {
      problem: firstLine(error.message),
      fix: "Use the version of Moose that made this database, or another MOOSE_HOME or DATABASE_URL."
    }
  if (error instanceof Config.ConfigError) {
    return { problem: `The environment: ${configProblem(error)}`, fix: "README.md lists the variables." }
  }
  return {
    problem: firstLine(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
    fix: bug
  }
}

/** Explains whatever a command failed with, in one line each and without secrets. */
export const explain = (error: unknown): Explanation => {
  const { problem, fix } = explanation(error)
  return { problem: redact(problem), fix: redact(fix) }
}

/** Explains flags and arguments that do not parse, and says where to read about them. */
export const explainUsage = (
  errors: ReadonlyArray<CliError.NonShowHelpErrors>,
  commandPath: ReadonlyArray<string>
): Explanation => {
  const [first] = errors
  const suggestions = errors.flatMap((it) => ("suggestions" in it ? it.suggestions : []))
  const maybe = suggestions.length === 0 ? "" : `Did you mean ${suggestions.join(" or ")}? `
  return {
    problem: redact(firstLine(first?.message ?? "That is no command")),
    fix: `${maybe}See: ${commandPath.join(" ")} --help`
  }
}
