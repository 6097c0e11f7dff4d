import type { ConditionRow } from "../../../domain/failures/Condition.ts"
import { conditions as databaseConditions } from "../postgres/Conditions.ts"

const own = {
  TokenExpired: {
    category: "transient",
    blame: "platform",
    severity: "low",
    retryable: true,
    hint: "The token ran out: repeat with a new one."
  },
  ClockSkew: {
    category: "transient",
    blame: "platform",
    severity: "low",
    retryable: true,
    hint: "The clocks differ: the same token is good in a few seconds. If it goes on, set the clocks."
  },
  SchemaCacheStale: {
    category: "configuration",
    blame: "configuration",
    severity: "high",
    // The cache is loaded again by itself after a migration, so a repeat can succeed.
    retryable: true,
    hint: "It is missing, or the API has not noticed it yet: run the migrations, then NOTIFY pgrst, 'reload schema'."
  },
  GatewayError: {
    category: "transient",
    blame: "provider",
    severity: "medium",
    retryable: true,
    hint: "Something before the database answered. Read back what happened, then repeat."
  },
  EndpointMissing: {
    category: "configuration",
    blame: "configuration",
    severity: "high",
    retryable: false,
    hint: "Nothing of ours answers at that address: check SUPABASE_URL and the path."
  },
  ProjectPaused: {
    category: "configuration",
    blame: "configuration",
    severity: "high",
    retryable: false,
    hint: "The project is paused: resume it in the dashboard."
  },
  RequestTooLarge: {
    category: "permanent",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "The request is too long for the gateway: send less at once."
  },
  ReplyCut: {
    category: "ambiguous",
    blame: "provider",
    severity: "high",
    retryable: false,
    hint: "It was stored, but its answer was cut: read the row instead of repeating."
  }
} as const satisfies Record<string, ConditionRow>

/** Conditions of the API in front of a database, and of the database behind it. */
export const conditions = { ...databaseConditions, ...own } satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
