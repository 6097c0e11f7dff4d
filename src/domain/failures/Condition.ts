import type { Meaning } from "../errors/Failure.ts"

/**
 * A condition is what was the matter, in the words of the system that met it: finer than a reason, because
 * "the remote rejected the push" has a dozen causes with a dozen things to do. Classifiers translate foreign
 * evidence into one of these; what follows from it is decided here.
 */
export interface ConditionRow {
  /** Of a failure that surely had no effect. One that may have had is `ambiguous` where this says transient. */
  readonly category: Meaning["category"]
  readonly blame: Meaning["blame"]
  readonly severity: Meaning["severity"]
  /** Can the same operation, repeated after reading back, succeed with nobody changing anything? */
  readonly retryable: boolean
  readonly hint: string
}

/** One condition, in the order of its fields. */
export const row = (
  category: Meaning["category"],
  blame: Meaning["blame"],
  severity: Meaning["severity"],
  retryable: boolean,
  hint: string
): ConditionRow => ({ category, blame, severity, retryable, hint })

/** Conditions that more than one system can be in. Each classifier adds its own. */
export const sharedConditions = {
  RateLimited: row("transient", "provider", "low", true, "Wait as long as it says; it passes by itself."),
  NetworkReset: row(
    "transient",
    "platform",
    "medium",
    true,
    "The connection broke. Read back what happened, then repeat."
  ),
  NetworkUnreachable: row(
    "transient",
    "platform",
    "medium",
    true,
    "Nothing answers at that address; check the network if it goes on."
  ),
  NetworkTimeout: row(
    "transient",
    "platform",
    "medium",
    true,
    "No answer in time; repeat, and check the network if it goes on."
  ),
  NetworkDns: row(
    "transient",
    "platform",
    "medium",
    true,
    "The name could not be resolved; check the address and the resolver if it goes on."
  ),
  TlsFailure: row(
    "configuration",
    "configuration",
    "high",
    false,
    "Check the certificate, its authority and the clock."
  ),
  ProxyFailure: row(
    "transient",
    "platform",
    "medium",
    true,
    "The proxy did not let the call through; check its settings if it goes on."
  ),
  RemoteServerError: row(
    "transient",
    "provider",
    "medium",
    true,
    "A fault of the other side; it usually passes by itself."
  ),
  AuthenticationFailed: row("configuration", "configuration", "high", false, "Replace the credentials."),
  PermissionDenied: row(
    "configuration",
    "configuration",
    "high",
    false,
    "Give the credentials the right that is missing."
  ),
  QuotaExhausted: row(
    "budget",
    "configuration",
    "high",
    false,
    "Add credit or raise the quota; waiting does not help."
  ),
  DiskFull: row("configuration", "platform", "critical", false, "Free space, then repeat."),
  ToolMissing: row(
    "configuration",
    "configuration",
    "high",
    false,
    "Install the program, or correct its path."
  ),
  ResponseMalformed: row(
    "ambiguous",
    "provider",
    "medium",
    false,
    "The answer cannot be read: look at what really happened before repeating."
  ),
  OutcomeUnknown: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "It is not known whether it happened: look at the real thing before repeating."
  ),
  Unrecognised: row(
    "ambiguous",
    "platform",
    "high",
    false,
    "No rule knows this failure. Look at the evidence, and at what really happened, before repeating."
  )
} as const satisfies Record<string, ConditionRow>
