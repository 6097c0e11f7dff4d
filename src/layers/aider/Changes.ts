import { Effect, type FileSystem, type Path } from "effect"
import { text } from "../Subprocess.ts"
import type { GitCommand } from "../git/Command.ts"

const entries = (bytes: Uint8Array): ReadonlyArray<string> =>
  text(bytes)
    .split("\0")
    .filter((it) => it !== "")

/** Names of what Aider keeps at a repository's root, wherever it was told to keep it. */
const isLitter = (path: string): boolean =>
  /^\.aider(?:\.(?:chat|input|llm|tags|ident)[^/]*)?(?:\/|$)/.test(path)

/** The commit a worktree is at. */
export const headOf = (git: GitCommand, directory: string) =>
  Effect.map(git.local({ args: ["rev-parse", "HEAD"], directory }), ({ stdout }) => text(stdout).trim())

/**
 * What differs from a commit in a worktree, by git's word: changed, removed and new files, but for what is ignored.
 * What Aider left there of its own is removed first.
 */
export const changesSince = Effect.fnUntraced(function* (
  git: GitCommand,
  fs: FileSystem.FileSystem,
  path: Path.Path,
  directory: string,
  commit: string
) {
  const others = ["ls-files", "--others", "-z"]
  const all = yield* git.local({ args: others, directory })
  const litter = new Set(
    entries(all.stdout)
      .filter(isLitter)
      .map((it) => it.split("/")[0] ?? it)
  )
  yield* Effect.forEach(litter, (it) => fs.remove(path.join(directory, it), { recursive: true, force: true }))
  const tracked = yield* git.local({
    args: ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", commit, "--"],
    directory
  })
  const untracked = yield* git.local({ args: [...others, "--exclude-standard"], directory })
  return [...new Set([...entries(tracked.stdout), ...entries(untracked.stdout)])].toSorted()
})
