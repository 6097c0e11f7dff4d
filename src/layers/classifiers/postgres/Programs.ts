import type { Conclusion, Rule } from "../../../domain/failures/Classified.ts"
import { atTheDoor } from "./AtTheDoor.ts"
import type { Tag } from "./Conditions.ts"
import type { PostgresEvidence } from "./Evidence.ts"

type Program = NonNullable<PostgresEvidence["program"]>

/** ERROR, FATAL and PANIC in the languages that PostgreSQL speaks; the two blanks are its own. */
const complaint =
  /(?:^|[\s:])(?:ERROR|FATAL|PANIC|FEHLER|PANIK|ERREUR|ERRORE|FATALE|PANICO|ОШИБКА|ВАЖНО|ПАНИКА|ПОМИЛКА|ФАТАЛЬНО|ПАНІКА|FEL|FATALT|ERRO|BŁĄD|CHYBA|HATA|错误|致命错误|錯誤|오류|치명적오류|エラー|შეცდომა|ფატალური):\s\s/mu

interface Refusal {
  readonly id: string
  readonly tag: Tag
  readonly words: RegExp
  readonly but?: Conclusion["but"]
}

/** psql could not get as far as its first statement. Its words may be libpq's, the resolver's, or the server's. */
const notConnected: ReadonlyArray<Refusal> = [
  {
    id: "psql.name",
    tag: "NetworkDns",
    words: /could not translate host name/,
    but: { category: "ambiguous" }
  },
  ...atTheDoor.map(({ id, tag, words }) => ({
    id: `psql.${id}`,
    tag,
    words: new RegExp(`failed: .*(?:${words})`, "i")
  })),
  {
    id: "psql.tls",
    tag: "TlsFailure",
    words: /failed: .*(server does not support SSL|SSL error|certificate)/
  },
  {
    id: "psql.unreachable",
    tag: "NetworkUnreachable",
    words:
      /failed: (Connection refused|No route to host|Network is unreachable|No such file or directory|Connection timed out|timeout expired)|could not connect to server: /
  }
]

/** A server or a cluster of files that does not start. Nothing of the data was touched. */
const startRefusals: ReadonlyArray<Refusal> = [
  {
    id: "server.port",
    tag: "CannotListen",
    words: /Address already in use|could not create any TCP\/IP sockets/
  },
  {
    id: "server.running",
    tag: "AlreadyRunning",
    words: /lock file "[^"]*" already exists|another server might be running/
  },
  {
    id: "server.setup",
    tag: "ServerMisconfigured",
    words:
      /cannot be run as root|execution of the PostgreSQL server is not permitted|data directory "[^"]*" has (wrong ownership|invalid permissions|group or world access)|database files are incompatible|is not a database cluster directory|exists but is not empty|could not (create shared memory|map anonymous shared memory)|error while loading shared libraries/
  },
  { id: "server.disk", tag: "DiskFull", words: /No space left on device/ }
]

const refusal =
  (isFor: (program: Program) => boolean) =>
  ({ id, tag, words, but }: Refusal): Rule<PostgresEvidence, Tag> => ({
    id,
    when: ({ program }) =>
      program !== null && isFor(program) && words.test(program.stderr)
        ? { tag, reach: "refused", but }
        : undefined
  })

const of = (
  id: string,
  when: (program: Program, operation: string) => Conclusion<Tag> | undefined
): Rule<PostgresEvidence, Tag> => ({
  id,
  when: ({ program }, operation) => (program === null ? undefined : when(program, operation))
})

const isPsql = (operation: string): boolean => /psql|migrat|script|sql/i.test(operation)
/** psql-ref, "Exit Status": 2 is a connection that could not be made, or went bad. */
const connecting = ({ exitCode, signal, stdout, stderr }: Program): boolean =>
  (exitCode === 2 || exitCode === null || (exitCode === 1 && /^pg_\w+: /m.test(stderr))) &&
  signal === "" &&
  stdout === "" &&
  !/^psql:\S+:\d+:/m.test(stderr)

/** psql and the server's own programs: how they ended first, and what they printed after that. */
export const programRules: ReadonlyArray<Rule<PostgresEvidence, Tag>> = [
  of("program.missing", ({ exitCode, stderr }) =>
    exitCode === 127 && !/^psql:/m.test(stderr) ? { tag: "ToolMissing", reach: "refused" } : undefined
  ),
  of("program.usage", ({ exitCode, stderr }) =>
    exitCode !== 0 && /: (?:unrecognized|invalid) option\b|option requires an argument/m.test(stderr)
      ? { tag: "InvalidStatement", reach: "refused" }
      : undefined
  ),
  of("program.forbidden", ({ exitCode }) =>
    exitCode === 126 ? { tag: "PermissionDenied", reach: "refused" } : undefined
  ),
  of("program.killed", ({ exitCode, signal }) =>
    signal !== "" || (exitCode !== null && (exitCode < 0 || exitCode > 128))
      ? { tag: "OutcomeUnknown", reach: "unknown" }
      : undefined
  ),
  ...notConnected.map(refusal(connecting)),
  of("pg_isready.no", ({ exitCode, stdout }) => {
    if (exitCode === 1 && / - rejecting connections/.test(stdout))
      return { tag: "DatabaseStarting", reach: "refused" }
    return (exitCode === 2 && / - no response/.test(stdout)) ||
      (exitCode === 3 && / - no attempt/.test(stdout))
      ? { tag: "NetworkUnreachable", reach: "refused" }
      : undefined
  }),
  of("psql.went-on", ({ exitCode, stderr, stdout }) =>
    exitCode === 0 && complaint.test(`\n${stderr}`)
      ? { tag: "MigrationPartlyApplied", reach: /^ROLLBACK$/m.test(stdout) ? "unknown" : "happened" }
      : undefined
  ),
  of("psql.connection-lost", ({ exitCode }, operation) =>
    exitCode === 2 && isPsql(operation) ? { tag: "OutcomeUnknown", reach: "unknown" } : undefined
  ),
  of("psql.stopped", ({ exitCode, stderr }, operation) =>
    isPsql(operation) &&
    (exitCode === 1 || exitCode === 3 || (exitCode === null && complaint.test(`\n${stderr}`)))
      ? { tag: "MigrationFailed", reach: "unknown" }
      : undefined
  ),
  ...startRefusals.map(refusal(({ exitCode }) => exitCode !== 0))
]
