import { Effect, FileSystem, Path, Schema } from "effect"
import * as Evidence from "../domain/errors/Evidence.ts"
import { GitFailed } from "../domain/errors/Reasons.ts"
import { Sha } from "../domain/Ids.ts"
import { Limits } from "../domain/policies/Limits.ts"
import type { Repository } from "../domain/Project.ts"
import { Git } from "../services/Git.ts"
import { LocalForge } from "./forge/LocalForge.ts"
import { packageRoot } from "./PackageRoot.ts"
import * as Subprocess from "./Subprocess.ts"

const name = { owner: "moose", name: "sample" }
export const demoBranch = "main"

const identity = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Moose",
  GIT_AUTHOR_EMAIL: "moose@localhost",
  GIT_COMMITTER_NAME: "Moose",
  GIT_COMMITTER_EMAIL: "moose@localhost"
}

const git = Effect.fnUntraced(function* (cwd: string, ...args: ReadonlyArray<string>) {
  const ended = yield* Subprocess.run({
    command: "git",
    args,
    cwd,
    env: identity,
    timeout: Limits.gitLocal,
    outputBytesMax: Limits.gitOutputBytesMax
  })
  if (ended.exitCode === 0) return Subprocess.text(ended.stdout).trim()
  const evidence = Evidence.make({ operation: `git ${args[0] ?? ""}`, excerpt: ended.stderr })
  return yield* new GitFailed({ evidence })
})

/** The sample repository on the local forge, pushed there the first time. */
export const seed = Effect.gen(function* () {
  const forge = yield* LocalForge
  const remote = yield* Git
  yield* forge.createRepository({ ...name, defaultBranch: demoBranch })
  const remoteUrl = forge.repositoryUrl(name)
  if ((yield* remote.remoteHead({ remoteUrl, branch: demoBranch })) === null) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "moose-demo-" })
    yield* fs.copy(path.join(packageRoot, "fixtures", "demo", "repository"), directory, { overwrite: true })
    yield* git(directory, "init", "--quiet", `--initial-branch=${demoBranch}`)
    yield* git(directory, "add", "--all")
    yield* git(directory, "commit", "--quiet", "--message", "The sample repository")
    const sha = yield* Schema.decodeUnknownEffect(Sha)(yield* git(directory, "rev-parse", "HEAD"))
    yield* remote.push({ directory, remoteUrl, sha, branch: demoBranch, expected: null })
  }
  const repository: Repository = { remoteUrl, forge: name }
  return repository
}).pipe(Effect.scoped)
