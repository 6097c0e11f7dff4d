import { type ConditionRow, sharedConditions } from "../../../domain/failures/Condition.ts"

const own = {
  Aborted: {
    category: "permanent",
    blame: "platform",
    severity: "low",
    retryable: false,
    hint: "We stopped it ourselves. Look at whether it had happened before asking for it again."
  },
  ClientClosed: {
    category: "permanent",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "Our own connection pool was closed already: start the worker again."
  },
  StreamTruncated: {
    category: "transient",
    blame: "platform",
    severity: "medium",
    retryable: true,
    hint: "The answer was cut. The request had arrived: read back what happened, then repeat."
  },
  GatewayPage: {
    category: "transient",
    blame: "provider",
    severity: "medium",
    retryable: true,
    hint: "A gateway's page came instead of an answer: read back what happened, then repeat."
  },
  TooManyRedirects: {
    category: "permanent",
    blame: "configuration",
    severity: "medium",
    retryable: false,
    hint: "The address leads in a circle: correct it."
  },
  InvalidRequest: {
    category: "permanent",
    blame: "platform",
    severity: "high",
    retryable: false,
    hint: "The call itself is wrong (address, port, header, argument): correct it."
  },
  OutputTooLarge: {
    category: "permanent",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "More came than we accept, and it was cut off: ask for less, or raise the limit."
  },
  ProcessKilled: {
    category: "ambiguous",
    blame: "platform",
    severity: "high",
    retryable: true,
    hint: "Something ended the program (out of memory?). Look at what it had done, then repeat."
  },
  ProcessFailed: {
    category: "ambiguous",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "The program said no. Its own output tells why; look at what it had done."
  },
  ResourcesExhausted: {
    category: "transient",
    blame: "platform",
    severity: "high",
    retryable: true,
    hint: "The machine is out of processes, files or memory for now; if it goes on, run less at once."
  },
  ResourceBusy: {
    category: "transient",
    blame: "platform",
    severity: "low",
    retryable: true,
    hint: "Something else is using it; it passes."
  },
  OutOfMemory: {
    category: "ambiguous",
    blame: "platform",
    severity: "high",
    retryable: false,
    hint: "We ran out of memory. Look at what had been done; give it more, or less to do."
  },
  KeyUnusable: {
    category: "configuration",
    blame: "configuration",
    severity: "high",
    retryable: false,
    hint: "A key or certificate of ours cannot be read: check that it is whole and in the right format."
  },
  StorageFault: {
    category: "permanent",
    blame: "platform",
    severity: "critical",
    retryable: false,
    hint: "The disk or file system fails: stop, and check the machine."
  },
  WatchLimit: {
    category: "configuration",
    blame: "configuration",
    severity: "medium",
    retryable: false,
    hint: "Too many files are watched: raise the limit of watches."
  },
  CannotListen: {
    category: "configuration",
    blame: "configuration",
    severity: "high",
    retryable: false,
    hint: "The port is taken or not ours to use: stop what uses it, or choose another."
  },
  FileMissing: {
    category: "permanent",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "A file or folder is not where it should be."
  },
  FileExists: {
    category: "permanent",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "Something is there already: look whether an earlier attempt left it."
  },
  FileUnfit: {
    category: "permanent",
    blame: "platform",
    severity: "medium",
    retryable: false,
    hint: "That cannot be done with this path (a folder for a file, too long, another disk)."
  },
  ProgrammingError: {
    category: "permanent",
    blame: "platform",
    severity: "high",
    retryable: false,
    hint: "A mistake in our own code: report it. Look at what had been done before it."
  }
} as const satisfies Record<string, ConditionRow>

/** Conditions of programs on this machine and of calls over the network. */
export const conditions = { ...sharedConditions, ...own }
export type Tag = keyof typeof conditions
