import { Effect, FileSystem, Schema } from "effect"
import { Sha } from "../../domain/Ids.ts"
import type { GitContract } from "../../services/Git.ts"
import type { Input } from "../../services/Contract.ts"
import { type GitCommand, refuse } from "./Command.ts"
import { fileReason, gitFailed, localReason } from "./Failures.ts"
import { refProblem, trailerKeyProblem } from "./Names.ts"
import { text } from "../Subprocess.ts"

/** What a repository holds: files, commits and refs, read and written without a worktree. */

type In<M extends keyof typeof GitContract> = Input<typeof GitContract, M>

const isSha = Schema.is(Sha)

/** Decodes an object name that git printed. */
export const shaFrom = Effect.fnUntraced(function* (operation: string, printed: string) {
  const sha = printed.trim()
  return isSha(sha) ? sha : yield* Effect.fail(gitFailed(operation, `git printed no object name: ${sha}`))
})

/** The entries of NUL-separated output. */
export const entriesOf = (stdout: Uint8Array): ReadonlyArray<string> => text(stdout).split("\0").slice(0, -1)

const symbolicLink = "120000"

/** What `git ls-tree -z` printed: `<mode> <type> <name>[ <size>]\t<path>`, paths as they are. */
const treeOf = (stdout: Uint8Array) =>
  entriesOf(stdout).map((entry) => {
    const tab = entry.indexOf("\t")
    const [mode, type, name = "", size] = entry.slice(0, tab).split(/ +/)
    return { mode, type, name, size: Number(size ?? 0), path: entry.slice(tab + 1) }
  })

/** The text of a file, or null when its bytes are no UTF-8 or hold a NUL. */
const textOrNull = (bytes: Uint8Array): string | null => {
  if (bytes.includes(0)) return null
  const decoded = text(bytes)
  return decoded.includes("\ufffd") && !Buffer.from(decoded).equals(bytes) ? null : decoded
}

/** The methods of `Git` that read and write a repository's objects and refs. */
export const make = Effect.fnUntraced(function* (git: GitCommand) {
  const fs = yield* FileSystem.FileSystem

  const listFiles = Effect.fn("Git.listFiles")(function* ({ directory, sha }: In<"listFiles">) {
    const output = yield* git.local({ args: ["ls-tree", "-r", "-z", "--full-tree", sha], directory })
    // The other type is "commit", a submodule.
    return treeOf(output.stdout).flatMap((entry) => (entry.type === "blob" ? [entry.path] : []))
  })

  const readFile = Effect.fn("Git.readFile")(function* ({ directory, sha, path, bytesMax }: In<"readFile">) {
    const args = ["ls-tree", "-z", "--long", "--full-tree", sha, "--", path]
    const entry = treeOf((yield* git.local({ args, directory })).stdout).find((found) => found.path === path)
    // A symbolic link's text is only where it points.
    if (entry?.type !== "blob" || entry.mode === symbolicLink || entry.size > bytesMax) return null
    const output = yield* git.local({ args: ["cat-file", "blob", entry.name], directory })
    return textOrNull(output.stdout)
  })

  /** The patch as text. One that is no UTF-8, because a file in it is not, is made again with every file as binary. */
  const patchOf = Effect.fnUntraced(
    function* ({ directory, from, to }: In<"diff">) {
      const args = [
        "diff-tree",
        "-p",
        "--binary",
        "--full-index",
        "--no-renames",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        from,
        to
      ]
      const { operation, stdout } = yield* git.local({ args, directory })
      const patch = text(stdout)
      if (Buffer.from(patch).equals(stdout)) return patch
      const attributes = yield* fs.makeTempFileScoped().pipe(
        Effect.tap((path) => fs.writeFileString(path, "* -diff\n")),
        Effect.mapError((error) => fileReason(operation, directory, error))
      )
      const settings = [`core.attributesFile=${attributes}`]
      return text((yield* git.local({ args, directory, settings })).stdout)
    },
    (effect) => Effect.scoped(effect)
  )

  const diff = Effect.fn("Git.diff")(function* (input: In<"diff">) {
    const { directory, from, to } = input
    const args = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", from, to]
    const counted = entriesOf((yield* git.local({ args, directory })).stdout).map((entry) => {
      const [insertions = "", deletions = "", ...path] = entry.split("\t")
      // "-" for a binary file.
      return {
        path: path.join("\t"),
        insertions: Number(insertions) || 0,
        deletions: Number(deletions) || 0
      }
    })
    return {
      files: counted.map((file) => file.path),
      insertions: counted.reduce((sum, file) => sum + file.insertions, 0),
      deletions: counted.reduce((sum, file) => sum + file.deletions, 0),
      patch: yield* patchOf(input)
    }
  })

  const readHead = Effect.fnUntraced(function* (directory: string) {
    const output = yield* git.ask({ args: ["rev-parse", "--verify", "--quiet", "HEAD"], directory })
    if (output.exitCode === 0) return yield* shaFrom(output.operation, text(output.stdout))
    // 1: the branch that HEAD names has no commit yet.
    return output.exitCode === 1 ? null : yield* Effect.fail(localReason(output, directory))
  })

  const readRef = Effect.fn("Git.readRef")(function* ({ directory, ref }: In<"readRef">) {
    yield* refuse("git for-each-ref", "The ref", ref, refProblem(ref))
    if (ref === "HEAD") return yield* readHead(directory)
    // Unlike rev-parse this never takes the name for an abbreviation of another ref.
    const { operation, stdout } = yield* git.local({
      args: ["for-each-ref", "--format=%(objectname) %(refname)", "--", ref],
      directory
    })
    const line = text(stdout)
      .split("\n")
      .find((candidate) => candidate.endsWith(` ${ref}`))
    return line === undefined ? null : yield* shaFrom(operation, line.slice(0, -ref.length))
  })

  const listRefs = Effect.fn("Git.listRefs")(function* ({ directory, prefix }: In<"listRefs">) {
    yield* refuse("git for-each-ref", "The prefix", prefix, refProblem(`${prefix}x`))
    // Up to the last slash, because git matches whole parts of a name only.
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1)
    const { operation, stdout } = yield* git.local({
      args: ["for-each-ref", "--format=%(objectname) %(refname)", "--", folder],
      directory
    })
    const lines = text(stdout)
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, ref]) => ref?.startsWith(prefix))
    return yield* Effect.forEach(lines, ([name = "", ref = ""]) =>
      Effect.map(shaFrom(operation, name), (sha) => ({ ref, sha }))
    )
  })

  const holds = Effect.fn("Git.holds")(function* ({ directory, sha }: In<"holds">) {
    const args = ["cat-file", "--batch-check=%(objecttype)"]
    const { stdout } = yield* git.local({ args, directory, stdin: `${sha}\n` })
    return text(stdout).trim() === "commit"
  })

  const writeRef = Effect.fn("Git.writeRef")(function* ({ directory, ref, sha }: In<"writeRef">) {
    yield* refuse("git update-ref", "The ref", ref, refProblem(ref))
    // Never through a symbolic ref: a worktree's HEAD is moved, not the branch it might name.
    const args = ["update-ref", "--no-deref", ...(sha === null ? ["-d", "--", ref] : ["--", ref, sha])]
    yield* git.local({ args, directory })
  })

  const trailer = Effect.fn("Git.trailer")(function* ({ directory, sha, key }: In<"trailer">) {
    yield* refuse("git log", "The trailer", key, trailerKeyProblem(key))
    const format = `--format=%(trailers:key=${key},valueonly,unfold,separator=%x00)`
    const output = yield* git.local({ args: ["log", "-1", format, sha, "--"], directory })
    // The last one wins: ours are appended to what a model wrote.
    const value = text(output.stdout).trim().split("\0").at(-1)?.trim()
    return value === undefined || value === "" ? null : value
  })

  return { listFiles, readFile, diff, readRef, listRefs, holds, writeRef, trailer }
})
