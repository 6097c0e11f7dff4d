import { ForgeFailed } from "../../domain/errors/PullRequestError.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"

/** The local forge's own failure: its disk, its git, or a file of its that does not read. */
export const failed = (operation: string, excerpt: string, cause?: unknown): ForgeFailed =>
  new ForgeFailed({
    evidence: Evidence.make({
      operation: `local forge: ${operation}`,
      excerpt,
      ...(cause === undefined ? {} : { cause })
    })
  })

/** Names an operation on the disk whose failure nobody here can mend. */
export const failedTo = (operation: string) => (cause: Error) => failed(operation, cause.message, cause)
