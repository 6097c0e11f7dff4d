import { statfs } from "node:fs/promises"
import { Effect, Predicate } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { DiskFull, GitFailed } from "../domain/errors/Reasons.ts"

const operation = "look for free space"

/**
 * How many bytes may still be written in a folder by somebody who is not root. Fails as DiskFull when they are
 * fewer than `bytesMin`, or when the file system has no room for one more file, and as GitFailed when it cannot
 * be asked.
 */
export const freeBytes = Effect.fnUntraced(function* (directory: string, bytesMin: number) {
  const found = yield* Effect.tryPromise({
    try: () => statfs(directory, { bigint: true }),
    catch: (cause) =>
      new GitFailed({
        evidence: Evidence.make({
          operation,
          excerpt: Predicate.isError(cause) ? cause.message : String(cause),
          cause
        })
      })
  })
  const free = found.bavail * found.bsize
  const bytes = Number(free > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : free)
  // A file system that counts no files says 0 of 0.
  const noFiles = found.files > 0n && found.ffree === 0n
  if (bytes >= bytesMin && !noFiles) return bytes
  const excerpt = noFiles
    ? "the file system has no room for one more file, although some for bytes"
    : `${bytes} bytes are free, and ${bytesMin} are needed`
  return yield* new DiskFull({ path: directory, evidence: Evidence.make({ operation, excerpt }) })
})
