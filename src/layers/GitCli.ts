import { Effect, Layer } from "effect"
import { Git } from "../services/Git.ts"
import type { GitOptions } from "./git/Address.ts"
import * as GitCommand from "./git/Command.ts"
import { gitFailed } from "./git/Failures.ts"
import * as GitObjects from "./git/Objects.ts"
import * as GitRemotes from "./git/Remotes.ts"
import * as GitWorktrees from "./git/Worktrees.ts"
import * as KeyedLock from "./git/KeyedLock.ts"
import { text } from "./Subprocess.ts"

export type { GitOptions } from "./git/Address.ts"

/** 2.32 brought GIT_CONFIG_GLOBAL; an older git would read the user's configuration everywhere. */
const oldest = [2, 32] as const

const isOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
}

/**
 * `Git` by the git command. What stays on this machine sees no configuration but the repository's own;
 * what talks to a remote uses the user's credential helpers and ssh, but neither hooks nor prompts.
 */
export const layer = (options: GitOptions = {}) =>
  Layer.effect(
    Git,
    Effect.gen(function* () {
      const git = yield* GitCommand.make(options)
      const alone = yield* KeyedLock.make

      const version = Effect.fn("Git.version")(function* () {
        const { operation, stdout } = yield* git.ask({ args: ["version"], directory: "/" })
        const said = text(stdout).trim()
        const found = /^git version (\d+\.\d+(?:\.\d+)*)/.exec(said)?.[1]
        if (found === undefined)
          return yield* Effect.fail(gitFailed(operation, `git names no version: ${said}`))
        if (isOld(found)) {
          return yield* Effect.fail(
            gitFailed(operation, `git ${found} is too old; ${oldest.join(".")} or newer is needed`)
          )
        }
        return found
      })

      return Git.of({
        version,
        ...(yield* GitObjects.make(git)),
        ...(yield* GitWorktrees.make(git, alone, options)),
        ...(yield* GitRemotes.make(git, alone, options))
      })
    })
  )
