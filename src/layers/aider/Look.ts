import { Effect, FileSystem, Path } from "effect"
import { EditorMissing, EditorUnsupported } from "../../domain/errors/ApplyError.ts"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { TimedOut } from "../../domain/errors/Reasons.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import { printable } from "../editor/Words.ts"
import * as Subprocess from "../Subprocess.ts"
import { editorName } from "./Conclude.ts"
import * as Folder from "./Folder.ts"
import { versionOf } from "./Invocation.ts"
import { supported, wanted } from "./Version.ts"

const asking = "aider --version"

export const missing = (operation: string, excerpt: string, cause?: unknown) =>
  new EditorMissing({
    editor: editorName,
    evidence: Evidence.make({ operation, excerpt, ...(cause === undefined ? {} : { cause }) })
  })

const unsupported = (operation: string, found: string, excerpt: string) =>
  new EditorUnsupported({
    editor: editorName,
    found,
    evidence: Evidence.make({ operation, excerpt, exitCode: 0 })
  })

/** Was the fence closed in a run that has ended? Without it Aider could write wherever this process can. */
export const isFenced = (fs: FileSystem.FileSystem, command: string) =>
  Effect.fnUntraced(function* (operation: string, { closed }: Folder.Folder) {
    if (yield* Effect.orElseSucceed(fs.exists(closed), () => false)) return
    const why =
      "it does not run in a Python that heeds PYTHONPATH, so it cannot be kept in its worktree; install it with pip, pipx or uv"
    return yield* unsupported(operation, command, why)
  })

/** Asks a program whether it is an Aider that can be used, and answers which, in its own words. */
export const look = Effect.fn("aider --version")(
  function* (command: string) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const root = yield* fs.makeTempDirectoryScoped({ prefix: "moose-aider-" })
    const folder = yield* Folder.make(fs, path, path.join(root, "aider"), null)
    const ended = yield* Subprocess.run({
      ...versionOf(command, folder),
      timeout: Limits.editorVersion,
      outputBytesMax: Limits.editorOutputBytesMax
    })
    const said = Subprocess.text(ended.stdout).trim()
    if (ended.exitCode !== 0) {
      const how = `it ended with ${ended.exitCode ?? ended.signal}`
      return yield* missing(asking, `${said}\n${ended.stderr}`.trim() || how)
    }
    if (!supported(said)) {
      const found = printable(said)
      return yield* unsupported(
        asking,
        found,
        `it says it is ${JSON.stringify(found)}, and ${wanted} is wanted`
      )
    }
    yield* isFenced(fs, command)(asking, folder)
    return printable(said)
  },
  Effect.scoped,
  Effect.catchTags({
    PlatformError: (error) => Effect.fail(missing("look for aider", error.message, error)),
    SubprocessMissing: (error) => Effect.fail(missing(asking, error.message)),
    SubprocessFailed: (error) => Effect.fail(missing(asking, error.message, error.cause)),
    SubprocessTimedOut: ({ limitMs }) => Effect.fail(new TimedOut({ operation: asking, limitMs }))
  })
)
