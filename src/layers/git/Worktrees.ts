import { Effect, Exit, FileSystem, Path } from "effect"
import type { GitContract } from "../../services/Git.ts"
import type { Input } from "../../services/Contract.ts"
import type { GitOptions } from "./Address.ts"
import type { GitCommand } from "./Command.ts"
import { fileReason, gitFailed } from "./Failures.ts"
import { entriesOf, shaFrom } from "./Objects.ts"
import type { KeyedLock } from "./KeyedLock.ts"
import { text } from "../Subprocess.ts"

/** Where changes are made: bare repositories, their worktrees, and the commits made there. */

type In<M extends keyof typeof GitContract> = Input<typeof GitContract, M>

const submodule = "160000"

/** The methods of `Git` that make repositories, worktrees and commits. */
export const make = Effect.fnUntraced(function* (git: GitCommand, alone: KeyedLock, options: GitOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const identity = options.identity ?? { name: "Moose", email: "moose@localhost" }

  const exists = (operation: string, target: string) =>
    fs.exists(target).pipe(Effect.mapError((error) => fileReason(operation, target, error)))

  const makeDirectory = (operation: string, target: string) =>
    fs
      .makeDirectory(target, { recursive: true })
      .pipe(Effect.mapError((error) => fileReason(operation, target, error)))

  const initBare = Effect.fn("Git.initBare")(
    function* ({ directory }: In<"initBare">) {
      const operation = "git init"
      if (yield* exists(operation, directory)) {
        const found = yield* git.ask({ args: ["rev-parse", "--is-bare-repository"], directory })
        if (found.exitCode === 0) {
          if (text(found.stdout).trim() === "true") return
          return yield* Effect.fail(gitFailed(operation, `${directory} holds a repository that is not bare`))
        }
      }
      yield* makeDirectory(operation, directory)
      // No template: it would bring hooks and excludes of this machine along.
      const args = ["init", "--bare", "--quiet", "--template=", "--initial-branch=main", "--", directory]
      yield* git.local({ args, directory })
    },
    (effect, { directory }) => alone(directory, effect)
  )

  const remove = Effect.fnUntraced(function* ({ directory, worktree }: In<"removeWorktree">) {
    const operation = "git worktree remove"
    const known = yield* exists(operation, directory)
    if (known) {
      // Twice: also when a crash during `worktree add` left it locked.
      const args = ["worktree", "remove", "--force", "--force", "--", worktree]
      const removed = yield* git.ask({ args, directory })
      if (removed.exitCode === 0) return
    }
    // git refuses what it does not know or what has lost its `.git`; both are gone after this.
    yield* fs
      .remove(worktree, { recursive: true, force: true })
      .pipe(Effect.mapError((error) => fileReason(operation, worktree, error)))
    if (!known) return
    yield* git.ask({ args: ["worktree", "unlock", "--", worktree], directory })
    yield* git.local({ args: ["worktree", "prune", "--expire=now"], directory })
  })

  const removeWorktree = Effect.fn("Git.removeWorktree")(remove, (effect, { directory }) =>
    alone(directory, effect)
  )

  const addWorktree = Effect.fn("Git.addWorktree")(
    function* ({ directory, worktree, sha }: In<"addWorktree">) {
      const operation = "git worktree add"
      if (yield* exists(operation, worktree)) yield* remove({ directory, worktree })
      yield* makeDirectory(operation, path.dirname(worktree))
      // Force, twice: also when git remembers one there that was lost while it was being made.
      const args = ["worktree", "add", "--quiet", "--detach", "--force", "--force", "--", worktree, sha]
      yield* git
        .local({ args, directory })
        .pipe(
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) ? Effect.void : Effect.ignore(remove({ directory, worktree }))
          )
        )
    },
    (effect, { directory }) => alone(directory, effect)
  )

  /** Folders that are repositories of their own would be committed as links to commits nobody else has. */
  const refuseEmbedded = Effect.fnUntraced(function* (directory: string, from: string, to: string) {
    const args = ["diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AT", from, to]
    const { operation, stdout } = yield* git.local({ args, directory })
    const entries = entriesOf(stdout)
    const found = entries.findIndex((entry) => entry.startsWith(":") && entry.split(" ")[1] === submodule)
    if (found === -1) return
    const why = "is a repository of its own inside the worktree, which cannot be committed"
    return yield* Effect.fail(gitFailed(operation, `${entries[found + 1] ?? "a folder"} ${why}`))
  })

  /** The same tree, parent, message and date make the same commit on every machine. */
  const commitTree = Effect.fnUntraced(function* (input: {
    readonly directory: string
    readonly parent: string
    readonly tree: string
    readonly message: string
    readonly committedAt: number
  }) {
    const { directory, parent, tree, message, committedAt } = input
    const date = `@${committedAt} +0000`
    const { operation, stdout } = yield* git.local({
      args: ["commit-tree", "-p", parent, tree],
      directory,
      stdin: message.endsWith("\n") ? message : `${message}\n`,
      env: {
        GIT_AUTHOR_NAME: identity.name,
        GIT_AUTHOR_EMAIL: identity.email,
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_NAME: identity.name,
        GIT_COMMITTER_EMAIL: identity.email,
        GIT_COMMITTER_DATE: date
      }
    })
    return yield* shaFrom(operation, text(stdout))
  })

  const commitPatch = Effect.fn("Git.commitPatch")(function* (input: In<"commitPatch">) {
    const { directory, baseSha, patch } = input
    const folder = yield* fs
      .makeTempDirectoryScoped()
      .pipe(Effect.mapError((error) => fileReason("git apply", directory, error)))
    // An index of its own: neither the mirror's nor a worktree's is touched.
    const env = { GIT_INDEX_FILE: path.join(folder, "index") }
    yield* git.local({ args: ["read-tree", baseSha], directory, env })
    const args = ["apply", "--cached", "--binary", "--whitespace=nowarn", "-"]
    yield* git.local({ args, directory, env, stdin: patch })
    const { operation, stdout } = yield* git.local({ args: ["write-tree"], directory, env })
    const tree = yield* shaFrom(operation, text(stdout))
    return yield* commitTree({ ...input, parent: baseSha, tree })
  }, Effect.scoped)

  const commitAll = Effect.fn("Git.commitAll")(function* ({
    worktree,
    message,
    committedAt,
    paths
  }: In<"commitAll">) {
    const directory = worktree
    // Ignored files stay out, because a project's checks leave their products behind; but not those edited on purpose.
    yield* git.local({ args: ["add", "--all"], directory })
    const there = yield* Effect.filter(paths, (it) => exists("git add", path.join(worktree, it)))
    if (there.length > 0) {
      yield* git.local({
        args: ["--literal-pathspecs", "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul"],
        directory,
        stdin: there.join("\0")
      })
    }
    const wroteTree = yield* git.local({ args: ["write-tree"], directory })
    const tree = yield* shaFrom(wroteTree.operation, text(wroteTree.stdout))
    const parsed = yield* git.local({ args: ["rev-parse", "HEAD^{tree}", "HEAD"], directory })
    const [headTree = "", parent = ""] = text(parsed.stdout).split("\n")
    if (tree === headTree) return null
    yield* refuseEmbedded(directory, headTree, tree)
    const sha = yield* commitTree({ directory, parent, tree, message, committedAt })
    yield* git.local({ args: ["update-ref", "--no-deref", "--", "HEAD", sha, parent], directory })
    return sha
  })

  return { initBare, addWorktree, removeWorktree, commitAll, commitPatch }
})
