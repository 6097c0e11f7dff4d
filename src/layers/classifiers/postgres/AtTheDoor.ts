import type { Tag } from "./Conditions.ts"

/** What the server says while a connection is made. libpq passes the words on and leaves out the SQLSTATE. */
export interface AtTheDoor {
  readonly id: string
  readonly tag: Extract<
    Tag,
    | "AuthenticationFailed"
    | "SchemaMismatch"
    | "DatabaseStarting"
    | "TooManyConnections"
    | "ServerMisconfigured"
  >
  readonly words: string
}

export const atTheDoor: ReadonlyArray<AtTheDoor> = [
  {
    id: "credentials",
    tag: "AuthenticationFailed",
    words:
      '(?:\\S+ )?authentication failed|no pg_hba\\.conf entry|pg_hba\\.conf rejects|no password supplied|role "[^"]*" (?:does not exist|is not permitted to log in)'
  },
  { id: "database", tag: "SchemaMismatch", words: 'database "[^"]*" does not exist' },
  {
    id: "closed-database",
    tag: "ServerMisconfigured",
    words: 'database "[^"]*" is not currently accepting connections'
  },
  { id: "starting", tag: "DatabaseStarting", words: "the database system is\\b" },
  {
    id: "connections",
    tag: "TooManyConnections",
    words:
      "(?:sorry, )?too many (?:clients|connections)|remaining connection slots|max clients? (?:connections )?reached"
  }
]
