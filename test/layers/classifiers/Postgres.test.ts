import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { classify } from "../../../src/domain/failures/Classified.ts"
import { classifier } from "../../../src/layers/classifiers/Postgres.ts"
import { postgresCases } from "./held-out/Postgres.ts"
import { postgresMoreCases } from "./held-out/PostgresMore.ts"
import { suite } from "./HttpSuite.ts"
import { assertSameWhenRewritten } from "./Rewritten.ts"

export const disagreements: ReadonlyArray<{ readonly id: string; readonly why: string }> = []

const of = (operation: string, input: unknown) =>
  classify(classifier, operation, Schema.decodeUnknownSync(classifier.input)(input))

/** Every class of appendix A of PostgreSQL's manual that is an error. */
const classes =
  "03 08 09 0A 0B 0F 0L 0P 0Z 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX"
const lost = { message: "Connection terminated unexpectedly" }

describe("Postgres", () => {
  suite({
    classifier,
    cases: [...postgresCases, ...postgresMoreCases],
    disagreements,
    lookAlikes: [
      "postgres.insert.unique_violation",
      "postgres.psql.file_error_exit0",
      "postgres.query.cached_plan_changed",
      "postgres.query.crash_of_other_backend",
      "postgres.tx.commit_became_rollback",
      "postgres.tx.commit_reply_lost"
    ]
  })

  it("says the same when names, hosts, colours and line ends change", () => {
    assertSameWhenRewritten(classifier, [...postgresCases, ...postgresMoreCases])
  })

  it("knows every class of SQLSTATE by its code alone", () => {
    for (const sqlstate of classes.split(" ").map((name) => `${name}000`)) {
      const got = of("query", { sqlstate, severity: "ERROR", message: "слова" })
      assert.isNotNull(got.rule, sqlstate)
    }
  })

  it("takes no code of Node for a SQLSTATE", () => {
    assert.strictEqual(
      of("query", { code: "EPIPE", syscall: "write", message: "write EPIPE" }).tag,
      "NetworkReset"
    )
  })

  it("finds what the server said inside what a driver wraps", () => {
    const server = { code: "40P01", severity: "ERROR", message: "deadlock detected" }
    for (const input of [
      server,
      { name: "SqlError", cause: server },
      { _tag: "SqlError", message: "failed", reason: { _tag: "DeadlockError", cause: server } }
    ]) {
      assert.strictEqual(of("query", input).tag, "DeadlockDetected")
    }
  })

  it("tells reading from writing by the statement, where there is one", () => {
    const effectOf = (operation: string, statement: string) =>
      of(operation, { ...lost, statement }).sideEffect
    assert.deepStrictEqual(
      [
        effectOf("query", "select id from jobs where count(*) > 1"),
        effectOf("query", "show server_version"),
        effectOf("query", "select moose.claim($1)"),
        effectOf("select", "select moose.claim($1)"),
        effectOf("select", "with gone as (delete from jobs returning id) select * from gone"),
        effectOf("query", "select * into copy from jobs"),
        effectOf("query", "update jobs set state = 'x'")
      ],
      ["none", "none", "possible", "possible", "possible", "possible", "possible"]
    )
  })

  it("leaves open what the end of the write-ahead log leaves open", () => {
    const got = of("commit", { sqlstate: "53100", severity: "PANIK", message: "Platte voll" })
    assert.deepStrictEqual([got.tag, got.retryable, got.sideEffect], ["DiskFull", false, "possible"])
  })

  it("reads what the server's own programs print", () => {
    for (const [stderr, tag] of [
      ['FATAL:  lock file "postmaster.pid" already exists', "AlreadyRunning"],
      ["initdb: error: cannot be run as root", "ServerMisconfigured"],
      ['LOG:  could not bind IPv4 address "127.0.0.1": Address already in use', "CannotListen"]
    ]) {
      assert.strictEqual(of("start", { exitCode: 1, stderr, stdout: "" }).tag, tag)
    }
  })
})
