import { Schema, SchemaTransformation } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"
import { at, isRecord } from "../http/Json.ts"
import { plain, readThrown, textAt, Thrown } from "../node/Thrown.ts"

/** What PostgreSQL, a pooler before it, its drivers or its programs left behind. What is missing is empty. */
export const PostgresEvidence = Schema.Struct({
  sqlstate: Schema.String,
  /** The SQLSTATE surely comes from the server: it has a severity or a routine, or is named as one. */
  sure: Schema.Boolean,
  /** Translated, where the server speaks another language. */
  severity: Schema.String,
  message: Schema.String,
  /** The C function that raised it: never translated. */
  routine: Schema.String,
  /** Its severity is there and is more than an ERROR's: the connection ended. */
  ended: Schema.Boolean,
  /** SQLSTATE of a notice that came before the connection was lost. */
  notice: Schema.String,
  statement: Schema.String,
  /** The command tag of a reply without an error. */
  command: Schema.String,
  /** Of a program such as psql; null when there was none. */
  program: Schema.NullOr(
    Schema.Struct({
      exitCode: Schema.NullOr(Schema.Number),
      signal: Schema.String,
      stderr: Schema.String,
      stdout: Schema.String
    })
  ),
  thrown: Thrown
})
export type PostgresEvidence = typeof PostgresEvidence.Type

/** Five digits and capitals. As long are codes of Node (EPIPE) and of Prisma (P1017), which are none. */
export const sqlstate = /^(?!E[A-Z]{4}$|P[1-9]\d{3}$)[0-9A-Z]{5}$/

const stateOf = (raw: unknown): string =>
  [textAt(raw, "sqlstate"), textAt(raw, "sqlState"), textAt(raw, "code")].find((code) =>
    sqlstate.test(code)
  ) ?? ""

/** The first of an error and its causes that came from the server: drivers wrap it. */
const serverError = (raw: unknown): unknown => {
  let next = raw
  for (let depth = 0; depth < Limits.classifiedCausesMax && isRecord(next); depth++) {
    if (stateOf(next) !== "") return next
    next = next["reason"] ?? next["cause"]
  }
  return raw
}

const programOf = (raw: unknown) => {
  const exitCode = at(raw, "exitCode")
  const known = ["exitCode", "stderr", "stdout", "signal"].some((name) => at(raw, name) !== undefined)
  return known
    ? {
        exitCode: typeof exitCode === "number" ? exitCode : null,
        signal: textAt(raw, "signal"),
        stderr: plain(textAt(raw, "stderr")),
        stdout: plain(textAt(raw, "stdout"))
      }
    : null
}

/** ERROR, and what only informs, in the languages that PostgreSQL speaks. */
const undoneOnly =
  /^(?:ERROR|FEHLER|ERREUR|ERRORE|ОШИБКА|ПОМИЛКА|FEL|ERRO|BŁĄD|CHYBA|HATA|错误|錯誤|오류|エラー|შეცდომა|WARN\w*|NOTICE|INFO|LOG|DEBUG\d?)\b|^(?:错误|錯誤|오류|エラー|შეცდომა|ОШИБКА|ПОМИЛКА|BŁĄD)/iu

const read = (raw: unknown): PostgresEvidence => {
  const error = serverError(raw)
  const severity = textAt(error, "severity")
  return {
    sqlstate: stateOf(error),
    sure: ["severity", "routine", "sqlstate", "sqlState"].some((name) => textAt(error, name) !== ""),
    severity,
    ended: severity !== "" && !undoneOnly.test(severity),
    message: textAt(error, "message") || (typeof raw === "string" ? plain(raw) : ""),
    routine: textAt(error, "routine"),
    notice: stateOf(at(raw, "notice")),
    statement: textAt(raw, "statement"),
    command: textAt(raw, "command"),
    program: programOf(raw),
    thrown: readThrown(raw)
  }
}

/** Reads anything: what is missing is left empty. */
export const EvidenceFromUnknown = Schema.Unknown.pipe(
  Schema.decodeTo(
    PostgresEvidence,
    SchemaTransformation.transform<PostgresEvidence, unknown>({
      decode: read,
      encode: (evidence) => evidence
    })
  )
)
