import { type Case, held } from "./Case.ts"

/** A second round: most were provoked with PostgreSQL 15, its programs and its client library. */
export const postgresMoreCases: ReadonlyArray<Case> = [
  held(
    "too-long",
    "insert",
    {
      sqlstate: "22001",
      severity: "ERROR",
      message: "value too long for type character varying(3)",
      routine: "varchar"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "bad-date",
    "query",
    {
      sqlstate: "22008",
      severity: "ERROR",
      message: 'date/time field value out of range: "2026-13-45"',
      hint: 'Perhaps you need a different "datestyle" setting.',
      routine: "DateTimeParseError"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "null-byte",
    "query",
    {
      sqlstate: "22021",
      severity: "ERROR",
      message: 'invalid byte sequence for encoding "UTF8": 0x00',
      routine: "report_invalid_encoding_int"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "syntax",
    "query",
    {
      sqlstate: "42601",
      severity: "ERROR",
      message: 'syntax error at or near "selec"',
      routine: "scanner_yyerror"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "ambiguous-function",
    "rpc",
    {
      sqlstate: "42725",
      severity: "ERROR",
      message: "function pg_size_pretty(unknown) is not unique",
      hint: "Could not choose a best candidate function. You might need to add explicit type casts.",
      routine: "ParseFuncOrColumn"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "enum",
    "query",
    {
      sqlstate: "22P02",
      severity: "ERROR",
      message: 'invalid input value for enum mood: "zz"',
      routine: "enum_in"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "denied-function",
    "rpc",
    {
      sqlstate: "42501",
      severity: "ERROR",
      message: "permission denied for function pg_read_file",
      routine: "aclcheck_error"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "set-role",
    "query",
    {
      sqlstate: "42501",
      severity: "ERROR",
      message: 'permission denied to set role "postgres"',
      routine: "call_string_check_hook"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "lock-nowait-table",
    "query",
    {
      sqlstate: "55P03",
      severity: "ERROR",
      message: 'could not obtain lock on relation "jobs"',
      routine: "RangeVarGetRelidExtended"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "idle-session",
    "query",
    {
      sqlstate: "57P05",
      severity: "FATAL",
      message: "terminating connection due to idle-session timeout",
      routine: "ProcessInterrupts"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "bad-guc",
    "query",
    {
      sqlstate: "42704",
      severity: "ERROR",
      message: 'unrecognized configuration parameter "wal_level_x"',
      routine: "find_option"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "db-not-accepting",
    "connect",
    {
      severity: "FATAL",
      message: 'database "quiet" is not currently accepting connections',
      sqlstate: "55000"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "slots-reserved",
    "connect",
    {
      severity: "FATAL",
      message: "remaining connection slots are reserved for non-replication superuser connections",
      sqlstate: "53300"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "prepared-disabled",
    "commit",
    {
      sqlstate: "55000",
      severity: "ERROR",
      message: "prepared transactions are disabled",
      hint: "Set max_prepared_transactions to a nonzero value.",
      routine: "MarkAsPreparing"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "disk-full",
    "insert",
    {
      sqlstate: "53100",
      severity: "ERROR",
      message: 'could not extend file "pg_tblspc/16416/PG_15_202209061/5/16420": No space left on device',
      hint: "Check free disk space.",
      routine: "mdextend"
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "psql.unknown-host",
    "psql",
    {
      exitCode: 2,
      stdout: "",
      stderr:
        'psql: error: could not translate host name "db.invalid" to address: Name or service not known\n'
    },
    ["ambiguous", "retry", "none"]
  ),
  held(
    "psql.single-tx",
    "psql",
    { exitCode: 3, stdout: "CREATE TABLE\n", stderr: "psql:/srv/pg/m.sql:1: ERROR:  division by zero\n" },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "psql.half",
    "psql",
    { exitCode: 3, stdout: "CREATE TABLE\n", stderr: "psql:/srv/pg/m.sql:1: ERROR:  division by zero\n" },
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "psql.lost",
    "psql",
    {
      exitCode: 2,
      stdout: "",
      stderr:
        "FATAL:  terminating connection due to administrator command\nserver closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\nconnection to server was lost\n"
    },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "psql.usage",
    "psql",
    {
      exitCode: 1,
      stdout: "",
      stderr:
        "/usr/lib/postgresql/15/bin/psql: unrecognized option '--nope'\npsql: hint: Try \"psql --help\" for more information.\n"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "initdb.root",
    "initdb",
    {
      exitCode: 1,
      stdout: "",
      stderr:
        'initdb: error: cannot be run as root\ninitdb: hint: Please log in (using, e.g., "su") as the (unprivileged) user that will own the server process.\n'
    },
    ["configuration", "stop", "none"]
  ),
  held(
    "client.ended",
    "query",
    { message: "Client has encountered a connection error and is not queryable" },
    ["transient", "retry", "none"]
  ),
  held(
    "client.scram",
    "connect",
    { message: "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string" },
    ["configuration", "stop", "none"]
  ),
  held(
    "pooler.pgbouncer-wait",
    "query",
    { sqlstate: "08P01", severity: "ERROR", message: "query_wait_timeout" },
    ["transient", "retry", "none"]
  ),
  held(
    "commit-unknown",
    "commit",
    { sqlstate: "40003", severity: "ERROR", message: "statement completion unknown" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "wal-panic",
    "commit",
    {
      sqlstate: "53100",
      severity: "PANIC",
      message: 'could not write to file "pg_wal/xlogtemp.123": No space left on device'
    },
    ["configuration", "stop", "possible", "dangerous"]
  ),
  held(
    "lock-table-full",
    "query",
    {
      sqlstate: "53200",
      severity: "ERROR",
      message: "out of shared memory",
      hint: "You might need to increase max_locks_per_transaction."
    },
    ["transient", "retry", "none"]
  ),
  held("unknown-db.no-code", "connect", { severity: "FATAL", message: 'database "nope" does not exist' }, [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "too-many-clients.no-code",
    "connect",
    { severity: "FATAL", message: "sorry, too many clients already" },
    ["transient", "retry", "none"]
  ),
  held(
    "hba-none.no-code",
    "connect",
    {
      severity: "FATAL",
      message: 'no pg_hba.conf entry for host "127.0.0.1", user "idle", database "postgres", no encryption'
    },
    ["configuration", "stop", "none"]
  ),
  held("fatal-unknown", "commit", { sqlstate: "ZZ124", severity: "FATAL", message: "???" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("text", "insert", { message: "oops" }, ["ambiguous", "stop", "possible", "dangerous"]),
  held(
    "value-deadlock",
    "insert",
    {
      sqlstate: "22P02",
      severity: "ERROR",
      message: 'invalid input syntax for type integer: "deadlock detected"'
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "merge-dup",
    "query",
    {
      sqlstate: "21000",
      severity: "ERROR",
      message: "ON CONFLICT DO UPDATE command cannot affect row a second time",
      routine: "ExecOnConflictUpdate"
    },
    ["permanent", "stop", "none"]
  ),
  held(
    "locked-object",
    "migrate",
    {
      sqlstate: "55006",
      severity: "ERROR",
      message: 'database "x" is being accessed by other users',
      detail: "There are 2 other sessions using the database."
    },
    ["transient", "retry", "none"]
  ),
  held(
    "update-reset",
    "update",
    { name: "Error", message: "read ECONNRESET", code: "ECONNRESET", syscall: "read" },
    ["ambiguous", "retry", "possible"]
  ),
  held(
    "commit-reset",
    "commit",
    { name: "Error", message: "read ECONNRESET", code: "ECONNRESET", syscall: "read" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "index-corrupt",
    "insert",
    {
      sqlstate: "XX002",
      severity: "ERROR",
      message: 'index "i" contains unexpected zero page at block 3',
      hint: "Please REINDEX it."
    },
    ["permanent", "stop", "none"]
  ),
  held("fatal-unknown", "update", { sqlstate: "AZ001", severity: "FATAL", message: "proxy: backend lost" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("adv-message-only", "query", { message: "deadlock detected" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ])
]
