import { type Case, held } from "./Case.ts"

/** An ErrorResponse as node-postgres gives it. */
const raised = (
  sqlstate: string,
  message: string,
  routine: string,
  more: Record<string, unknown> = {}
): Record<string, unknown> => ({ sqlstate, severity: "ERROR", message, routine, ...more })
const fatal = (sqlstate: string, message: string, routine: string) =>
  raised(sqlstate, message, routine, { severity: "FATAL" })
const program = (exitCode: number, stderr: string, stdout = "") => ({ exitCode, stderr, stdout })

export const postgresCases: ReadonlyArray<Case> = [
  // PostgreSQL source, the routine named in each case
  held(
    "check constraint",
    "insert",
    raised(
      "23514",
      'new row for relation "jobs" violates check constraint "jobs_state_check"',
      "ExecConstraints"
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "exclusion constraint",
    "insert",
    raised(
      "23P01",
      'conflicting key value violates exclusion constraint "leases_excl"',
      "check_exclusion_or_unique_constraint"
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "deferred foreign key at commit",
    "commit",
    raised(
      "23503",
      'insert or update on table "runs" violates foreign key constraint "runs_job_fkey"',
      "ri_ReportViolation"
    ),
    ["permanent", "stop", "none"]
  ),
  held(
    "text is not a uuid",
    "query",
    raised("22P02", 'invalid input syntax for type uuid: "nope"', "string_to_uuid"),
    ["permanent", "stop", "none"]
  ),
  held(
    "value too long, in Russian",
    "insert",
    raised("22001", "значение не умещается в тип character varying(10)", "varchar", { severity: "ОШИБКА" }),
    ["permanent", "stop", "none"]
  ),
  held("division by zero", "query", raised("22012", "division by zero", "int4div"), [
    "permanent",
    "stop",
    "none"
  ]),
  held("syntax error", "query", raised("42601", 'syntax error at or near "selec"', "scanner_yyerror"), [
    "permanent",
    "stop",
    "none"
  ]),
  held(
    "undefined function",
    "query",
    raised("42883", "function moose.claim(json) does not exist", "ParseFuncOrColumn"),
    ["configuration", "stop", "none"]
  ),
  held(
    "missing schema",
    "query",
    raised("3F000", 'schema "moose" does not exist', "LookupExplicitNamespace"),
    ["configuration", "stop", "none"]
  ),
  held("missing database", "connect", fatal("3D000", 'database "moose" does not exist', "InitPostgres"), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "no pg_hba entry",
    "connect",
    fatal(
      "28000",
      'no pg_hba.conf entry for host "10.0.0.9", user "moose", database "moose", no encryption',
      "ClientAuthentication"
    ),
    ["configuration", "stop", "none"]
  ),
  held("too many clients", "connect", fatal("53300", "sorry, too many clients already", "InitProcess"), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "reserved slots, in French",
    "connect",
    fatal(
      "53300",
      "les emplacements de connexions restants sont réservés aux rôles dotés de l'attribut SUPERUSER",
      "InitPostgres"
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "disk full on extend",
    "insert",
    raised("53100", 'could not extend file "base/16384/16390": No space left on device', "mdextend"),
    ["configuration", "stop", "none"]
  ),
  held("out of memory", "query", raised("53200", "out of memory", "AllocSetAlloc"), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "recovery conflict",
    "select",
    raised("40001", "canceling statement due to conflict with recovery", "ProcessInterrupts"),
    ["transient", "retry", "none"]
  ),
  held(
    "object in use",
    "query",
    raised("55006", 'database "moose" is being accessed by other users', "dropdb"),
    ["transient", "retry", "none"]
  ),
  held(
    "table exists",
    "migrate",
    raised("42P07", 'relation "jobs" already exists', "heap_create_with_catalog"),
    ["permanent", "stop", "none"]
  ),
  held(
    "raised by a function",
    "query",
    raised("P0001", "work order is not in a state that allows this", "exec_stmt_raise"),
    ["permanent", "stop", "none"]
  ),
  held("a SQLSTATE of our own", "query", raised("MO409", "already claimed", "exec_stmt_raise"), [
    "permanent",
    "stop",
    "none"
  ]),
  held(
    "statement timeout, in Japanese",
    "query",
    raised(
      "57014",
      "ステートメントのタイムアウトのためステートメントをキャンセルしています",
      "ProcessInterrupts",
      { severity: "ERROR" }
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "idle session ended",
    "query",
    fatal("57P05", "terminating connection due to idle-session timeout", "ProcessInterrupts"),
    ["transient", "retry", "none"]
  ),
  held(
    "row security, in Spanish",
    "insert",
    raised(
      "42501",
      "el nuevo registro viola la política de seguridad de registros para la tabla «jobs»",
      "ExecWithCheckOptions"
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "data page corrupted",
    "select",
    raised("XX001", "invalid page in block 0 of relation base/16384/16390", "buffer_readv_complete"),
    ["permanent", "stop", "none"]
  ),
  // dangerous: cancelled on purpose is not a timeout (postgres.c ProcessInterrupts, and its German catalogue)
  held(
    "cancelled by a user",
    "query",
    raised("57014", "canceling statement due to user request", "ProcessInterrupts"),
    ["permanent", "stop", "none", "dangerous"]
  ),
  held(
    "cancelled by a user, in German",
    "query",
    raised("57014", "storniere Anfrage wegen Benutzeraufforderung", "ProcessInterrupts", {
      severity: "FEHLER"
    }),
    ["permanent", "stop", "none", "dangerous"]
  ),
  // dangerous: the connection ends around a COMMIT (libpq and the server cannot tell)
  held(
    "administrator shutdown during commit",
    "commit",
    fatal("57P01", "terminating connection due to administrator command", "ProcessInterrupts"),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "connection lost in a COMMIT statement",
    "query",
    { message: "Connection terminated unexpectedly", statement: "commit" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held("resolution unknown", "query", raised("08007", "transaction resolution unknown", "x"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("completion unknown", "query", raised("40003", "statement completion unknown", "x"), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("connection failure while writing", "update", { sqlstate: "08006", message: "connection failure" }, [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held(
    "reset while writing",
    "insert",
    { name: "Error", code: "ECONNRESET", syscall: "read", message: "read ECONNRESET" },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "broken pipe while writing",
    "insert",
    { name: "Error", code: "EPIPE", syscall: "write", message: "write EPIPE" },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  // node-postgres, pg/lib/client.js; a query it never sent is safe, unlike the ones above
  held(
    "pool had no connection in time",
    "insert",
    { name: "Error", message: "timeout exceeded when trying to connect" },
    ["transient", "retry", "none"]
  ),
  held(
    "client was closed",
    "insert",
    { name: "Error", message: "Client has encountered a connection error and is not queryable" },
    ["transient", "retry", "none"]
  ),
  held(
    "refused",
    "insert",
    {
      name: "AggregateError",
      code: "ECONNREFUSED",
      message: "",
      errors: [
        { code: "ECONNREFUSED", syscall: "connect", message: "connect ECONNREFUSED ::1:5432" },
        { code: "ECONNREFUSED", syscall: "connect", message: "connect ECONNREFUSED 127.0.0.1:5432" }
      ]
    },
    ["transient", "retry", "none"]
  ),
  held("lost while only reading", "select", { message: "Connection terminated unexpectedly" }, [
    "transient",
    "retry",
    "none"
  ]),
  held("no TLS on the server", "connect", { message: "The server does not support SSL connections" }, [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "untrusted certificate",
    "connect",
    { code: "SELF_SIGNED_CERT_IN_CHAIN", message: "self-signed certificate in certificate chain" },
    ["configuration", "stop", "none"]
  ),
  held(
    "no password given",
    "connect",
    { message: "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string" },
    ["configuration", "stop", "none"]
  ),
  // dangerous: postgres.js src/connection.js; the statement was in flight
  held(
    "postgres.js connection closed",
    "update",
    { code: "CONNECTION_CLOSED", message: "write CONNECTION_CLOSED db.example:5432" },
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held(
    "postgres.js connect timeout",
    "update",
    { code: "CONNECT_TIMEOUT", message: "write CONNECT_TIMEOUT db.example:5432" },
    ["transient", "retry", "none"]
  ),
  // dangerous: effect's sql-pg says so when COMMIT answered ROLLBACK
  held(
    "sql-pg commit rolled back",
    "query",
    { message: "PgClient: COMMIT rolled back an aborted transaction" },
    ["permanent", "stop", "none", "dangerous"]
  ),
  held("END answered ROLLBACK", "query", { command: "ROLLBACK", error: null, statement: "end transaction" }, [
    "permanent",
    "stop",
    "none",
    "dangerous"
  ]),
  // supavisor lib/supavisor/errors; pgbouncer src/client.c, src/objects.c
  held(
    "supavisor: session pool full",
    "connect",
    fatal(
      "XX000",
      "(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15",
      ""
    ),
    ["transient", "retry", "none"]
  ),
  held("supavisor: max client connections", "connect", fatal("XX000", "Max client connections reached", ""), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "supavisor: checkout timeout",
    "insert",
    fatal(
      "XX000",
      "(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 60000ms in Transaction mode",
      ""
    ),
    ["transient", "retry", "none"]
  ),
  held("supavisor: unknown tenant", "connect", fatal("XX000", "Tenant or user not found", ""), [
    "configuration",
    "stop",
    "none"
  ]),
  held(
    "supavisor: database connection died",
    "insert",
    fatal("XX000", "(EDBHANDLEREXITED) DbHandler exited. Check logs for more information", ""),
    ["ambiguous", "retry", "possible", "dangerous"]
  ),
  held("pgbouncer: waited for a server", "insert", fatal("08P01", "query_wait_timeout", ""), [
    "transient",
    "retry",
    "none"
  ]),
  held("pgbouncer: query timeout", "insert", fatal("08P01", "query_timeout", ""), [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("pgbouncer: no such database", "connect", fatal("08P01", "no such database: moose", ""), [
    "configuration",
    "stop",
    "none"
  ]),
  held("pgbouncer: full", "connect", fatal("08P01", "no more connections allowed (max_client_conn)", ""), [
    "transient",
    "retry",
    "none"
  ]),
  held("pgbouncer: server crashed", "update", fatal("08P01", "server conn crashed?", ""), [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held(
    "prepared statement of another session",
    "query",
    raised("26000", 'prepared statement "s12" does not exist', "FetchPreparedStatement"),
    ["configuration", "stop", "none"]
  ),
  // dangerous: statements that leave something behind although they failed (sql-createindex.html, sql-call.html)
  held(
    "concurrent index left invalid",
    "query",
    raised("40P01", "deadlock detected", "DeadLockReport", {
      statement: "create index concurrently jobs_state on jobs (state)"
    }),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "procedure that commits on the way",
    "query",
    raised("57014", "canceling statement due to statement timeout", "ProcessInterrupts", {
      statement: "call archive_all()"
    }),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  // psql, provoked with 15.18 where it says so; psql-ref "Exit Status"
  held(
    "psql cannot connect (provoked)",
    "psql",
    program(
      2,
      'psql: error: connection to server at "127.0.0.1", port 1 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n'
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "psql cannot resolve (provoked)",
    "psql",
    program(
      2,
      'psql: error: could not translate host name "db.invalid" to address: Name or service not known\n'
    ),
    ["ambiguous", "retry", "none"]
  ),
  held(
    "psql wrong password",
    "psql",
    program(
      2,
      'psql: error: connection to server at "10.0.0.4", port 5432 failed: FATAL:  password authentication failed for user "moose"\n'
    ),
    ["configuration", "stop", "none"]
  ),
  held(
    "psql lost the server half-way",
    "psql",
    program(
      2,
      "psql:migrate.sql:40: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\npsql:migrate.sql:40: error: connection to server was lost\n",
      "CREATE TABLE\n"
    ),
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held(
    "psql went on after an error, in German",
    "psql",
    program(0, "psql:migrate.sql:7: FEHLER:  Relation »jobs« existiert bereits\n", "INSERT 0 1\n"),
    ["permanent", "stop", "certain", "dangerous"]
  ),
  held(
    "psql stopped at an error, in Chinese",
    "psql",
    program(3, 'psql:migrate.sql:12: 错误:  关系 "jobs" 已经存在\n', "CREATE TABLE\n"),
    ["permanent", "stop", "possible", "dangerous"]
  ),
  held(
    "psql was killed",
    "psql",
    { exitCode: null, signal: "SIGKILL", stderr: "", stdout: "CREATE TABLE\n" },
    ["ambiguous", "stop", "possible", "dangerous"]
  ),
  held("psql is not installed", "psql", program(127, "/bin/sh: 1: psql: not found\n"), [
    "configuration",
    "stop",
    "none"
  ]),
  // dangerous: nothing is known
  held("words nobody knows", "query", { message: "the thing went wrong" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held("nothing at all", "insert", {}, ["ambiguous", "stop", "possible", "dangerous"]),
  // second round, written when the rules stood: names of appendix A, drivers' words, and the programs
  held(
    "crash of another backend",
    "insert",
    fatal("57P02", "terminating connection because of crash of another server process", "quickdie"),
    ["transient", "retry", "possible", "dangerous"]
  ),
  held(
    "transaction timeout",
    "query",
    fatal("25P04", "terminating connection due to transaction timeout", "ProcessInterrupts"),
    ["transient", "retry", "none"]
  ),
  held(
    "recovery mode",
    "connect",
    fatal("57P03", "the database system is in recovery mode", "ProcessStartupPacket"),
    ["transient", "retry", "none"]
  ),
  held("number out of range", "insert", raised("22003", "integer out of range", "int4pl"), [
    "permanent",
    "stop",
    "none"
  ]),
  held(
    "temporary file limit",
    "select",
    raised("53400", "temporary file size exceeds temp_file_limit (1024kB)", "FileWriteV"),
    ["configuration", "stop", "none"]
  ),
  held(
    "index out of step",
    "select",
    raised("XX002", 'index "jobs_pkey" contains unexpected zero page', "_bt_checkpage"),
    ["permanent", "stop", "none"]
  ),
  held("sql-pg closed while writing", "insert", { message: "PgConnection: Connection closed" }, [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held(
    "reset while connecting",
    "connect",
    { code: "ECONNRESET", syscall: "read", message: "read ECONNRESET" },
    ["transient", "retry", "none"]
  ),
  held("reset in a commit", "commit", { code: "ECONNRESET", syscall: "read", message: "read ECONNRESET" }, [
    "ambiguous",
    "stop",
    "possible",
    "dangerous"
  ]),
  held(
    "slow connect through node-postgres",
    "update",
    { message: "Connection terminated due to connection timeout" },
    ["transient", "retry", "none"]
  ),
  held(
    "host unknown",
    "connect",
    { code: "ENOTFOUND", syscall: "getaddrinfo", message: "getaddrinfo ENOTFOUND db.example" },
    ["ambiguous", "retry", "none"]
  ),
  // knex and Prisma, their documented words
  held(
    "knex pool full",
    "insert",
    {
      name: "KnexTimeoutError",
      message:
        "Knex: Timeout acquiring a connection. The pool is probably full. Are you missing a .transacting(trx) call?"
    },
    ["transient", "retry", "none"]
  ),
  held(
    "prisma pool full",
    "insert",
    { code: "P2024", message: "Timed out fetching a new connection from the connection pool." },
    ["transient", "retry", "none"]
  ),
  held("prisma lost its server", "update", { code: "P1017", message: "Server has closed the connection." }, [
    "ambiguous",
    "retry",
    "possible",
    "dangerous"
  ]),
  held("pg_isready: nothing there (provoked)", "pg_isready", program(2, "", "127.0.0.1:1 - no response\n"), [
    "transient",
    "retry",
    "none"
  ]),
  held(
    "pg_dump cannot connect",
    "pg_dump",
    program(
      1,
      'pg_dump: error: connection to server at "127.0.0.1", port 1 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n'
    ),
    ["transient", "retry", "none"]
  ),
  held(
    "psql reconnected in vain",
    "psql",
    program(
      3,
      'psql:migrate.sql:9: error: \\connect: connection to server at "127.0.0.1", port 1 failed: Connection refused\n',
      ""
    ),
    ["permanent", "stop", "possible", "dangerous"]
  )
]
