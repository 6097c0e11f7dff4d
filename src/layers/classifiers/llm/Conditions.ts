import { type ConditionRow, sharedConditions } from "../../../domain/failures/Condition.ts"

const row = (
  category: ConditionRow["category"],
  blame: ConditionRow["blame"],
  severity: ConditionRow["severity"],
  retryable: boolean,
  hint: string
): ConditionRow => ({ category, blame, severity, retryable, hint })

/** What can be the matter with a call to a language model. Its only side effect is money. */
export const conditions = {
  ...sharedConditions,
  ProviderOverloaded: row(
    "transient",
    "provider",
    "medium",
    true,
    "The provider is too busy. It passes by itself; use another model if it goes on."
  ),
  ProviderServerError: row(
    "transient",
    "provider",
    "medium",
    true,
    "A fault of the provider's. Repeat later, and look at its status page if it goes on."
  ),
  ProviderConflict: row(
    "transient",
    "provider",
    "low",
    true,
    "The provider was changing the same thing at that moment; repeat."
  ),
  StreamTruncated: row(
    "transient",
    "provider",
    "medium",
    true,
    "The answer broke off. Throw the part away and ask again; the part may be billed."
  ),
  ModelNotFound: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "Check the model's name and the address against the provider's list, and that the key may use it."
  ),
  AddressWrong: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "No language model answers at that address: check the base URL."
  ),
  RequestUnsuited: row(
    "configuration",
    "configuration",
    "medium",
    false,
    "A setting does not suit this model or server. Change what the words name."
  ),
  ContextWindowExceeded: row(
    "budget",
    "task",
    "medium",
    false,
    "Send less: fewer or smaller files, or ask for a shorter answer."
  ),
  OutputTruncated: row(
    "budget",
    "task",
    "medium",
    false,
    "The answer reached its limit and is paid for. Ask for a smaller change, or raise the limit."
  ),
  RequestOverRate: row(
    "budget",
    "configuration",
    "medium",
    false,
    "One request is larger than the account may send in a minute. Send less, or have the limit raised."
  ),
  RequestTooLarge: row("rejected", "task", "medium", false, "The request has too many bytes. Send less."),
  ContentFiltered: row(
    "rejected",
    "task",
    "medium",
    false,
    "The provider's filter stopped it. Read which rule it names, and reword the work order."
  ),
  ModelRefused: row(
    "rejected",
    "task",
    "medium",
    false,
    "The model declined, and the answer is paid for. Reword the work order."
  ),
  RequestRejected: row(
    "permanent",
    "platform",
    "high",
    false,
    "The provider says that the request itself is wrong. This is a bug here, or the wrong kind of server."
  ),
  Abandoned: row(
    "permanent",
    "platform",
    "low",
    false,
    "We gave the call up ourselves. The provider may have worked on it, and may bill it."
  )
} as const satisfies Record<string, ConditionRow>
export type Tag = keyof typeof conditions
