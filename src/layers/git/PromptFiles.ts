import { Effect } from "effect"
import { Limits } from "../../domain/policies/Limits.ts"

/** Which part of a repository a model is shown, within `Limits`. */

/** Is a path named by the scope? An entry that ends in `/` names a folder; an empty scope names everything. */
const isInScope = (path: string, filesInScope: ReadonlyArray<string>): boolean =>
  filesInScope.length === 0 ||
  filesInScope.some((entry) => (entry.endsWith("/") ? path.startsWith(entry) : path === entry))

/** Files that the scope names one by one come before those that are merely in one of its folders. */
const inScope = (all: ReadonlyArray<string>, filesInScope: ReadonlyArray<string>): ReadonlyArray<string> => {
  const byName = new Set(filesInScope)
  const found = all.filter((path) => isInScope(path, filesInScope))
  return [...found.filter((path) => byName.has(path)), ...found.filter((path) => !byName.has(path))]
}

/** The paths to show, in the repository's order: all of them, or when that is too many, those in scope first. */
export const choosePaths = (
  all: ReadonlyArray<string>,
  filesInScope: ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (all.length <= Limits.promptPathsMax) return all
  const chosen = new Set(inScope(all, filesInScope).slice(0, Limits.promptPathsMax))
  for (const path of all) {
    if (chosen.size >= Limits.promptPathsMax) break
    chosen.add(path)
  }
  return all.filter((path) => chosen.has(path))
}

const readsAtOnce = 8

/** The files in scope to show. `read` answers nothing for one that cannot be shown, which makes room for another. */
export const chooseFiles = Effect.fnUntraced(function* <A, E, R>(
  all: ReadonlyArray<string>,
  filesInScope: ReadonlyArray<string>,
  read: (path: string) => Effect.Effect<ReadonlyArray<A>, E, R>
) {
  const candidates = inScope(all, filesInScope).slice(0, Limits.promptFileReadsMax)
  const files: Array<A> = []
  let next = 0
  while (next < candidates.length && files.length < Limits.promptFilesMax) {
    const batch = candidates.slice(next, next + Limits.promptFilesMax - files.length)
    files.push(...(yield* Effect.forEach(batch, read, { concurrency: readsAtOnce })).flat())
    next += batch.length
  }
  return files
})
