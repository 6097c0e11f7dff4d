import { createHash } from "node:crypto"
import { DateTime, Effect, FileSystem, Option, Path } from "effect"
import { ProjectId } from "../domain/Ids.ts"
import { Project, type RepositoryName } from "../domain/Project.ts"
import { parseRepositoryUrl } from "../domain/RepositoryUrl.ts"
import { Usd } from "../domain/Usd.ts"
import { gitHost } from "../layers/Environment.ts"
import { LocalForge } from "../layers/forge/LocalForge.ts"
import { Settings } from "../layers/Settings.ts"
import { Git } from "../services/Git.ts"
import { Projects } from "../services/Projects.ts"
import { UserError } from "./UserError.ts"

const isUrl = (text: string) => text.includes("://") || /^[^/\\]+@[^/\\]+:/.test(text)

/** The remote that a repository's folder, or its URL, stands for. Reads; touches nothing and asks nobody. */
export const remoteOf = Effect.fnUntraced(function* (repo: string) {
  if (repo.trim() === "") {
    return yield* new UserError({
      problem: "--repo: must not be empty",
      fix: "Name the folder of a git repository, or its URL."
    })
  }
  if (isUrl(repo)) return repo
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const git = yield* Git
  const directory = path.resolve(repo)
  if (!(yield* fs.exists(directory))) {
    return yield* new UserError({
      problem: `--repo: there is no folder ${repo}`,
      fix: "Name the folder of a git repository, or its URL."
    })
  }
  const remoteUrl = yield* git.remoteUrl({ directory }).pipe(
    Effect.catchTag("RepositoryMissing", () =>
      Effect.fail(
        new UserError({
          problem: `--repo: ${repo} is no git repository`,
          fix: "Name the folder of a git repository, or its URL."
        })
      )
    )
  )
  if (remoteUrl === null) {
    return yield* new UserError({
      problem: `--repo: the repository ${repo} has no remote to push to`,
      fix: `Add one: git -C ${repo} remote add origin <URL>`
    })
  }
  return remoteUrl
})

const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 6)

const slug = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 48) || "repository"

/** What the forge calls the repository: its own name on GitHub, one that is made up for the local forge. */
const forgeName = Effect.fnUntraced(function* (remoteUrl: string) {
  const settings = yield* Settings
  const parsed = parseRepositoryUrl(remoteUrl)
  if (!Settings.usesGitHub(settings)) {
    const { owner, name } = Option.getOrElse(parsed, () => ({
      owner: "local",
      name: slug(
        remoteUrl
          .replace(/\/?(\.git)?\/?$/, "")
          .split(/[/:\\]/)
          .at(-1) ?? ""
      )
    }))
    const local: RepositoryName = { owner, name: `${name}-${digest(remoteUrl)}` }
    return local
  }
  const host = gitHost(settings.githubApiUrl)
  if (Option.isSome(parsed) && parsed.value.host === host) {
    const { owner, name } = parsed.value
    const github: RepositoryName = { owner, name }
    return github
  }
  return yield* new UserError({
    problem: `--repo: the remote ${remoteUrl} is not on ${host}, where pull requests would be made`,
    fix: "Set MOOSE_FORGE=local to keep pull requests on this machine, or GITHUB_API_URL to another GitHub."
  })
})

const baseBranchOf = Effect.fnUntraced(function* (remoteUrl: string, wanted: Option.Option<string>) {
  const git = yield* Git
  if (Option.isNone(wanted)) {
    const branch = yield* git.defaultBranch({ remoteUrl })
    if (branch !== null) return branch
    return yield* new UserError({
      problem: `--base: the remote ${remoteUrl} does not say which branch is its default`,
      fix: "Name the branch to start from: --base main"
    })
  }
  const branch = wanted.value
  const absent = (problem: string) =>
    new UserError({ problem: `--base: ${problem}`, fix: "Name a branch that is there." })
  const head = yield* git.remoteHead({ remoteUrl, branch }).pipe(
    // Whatever is wrong with the remote has a name of its own; what is left is a name that git refuses.
    Effect.catchTag("GitFailed", ({ evidence }) =>
      Effect.fail(absent(evidence.excerpt.split("\n", 1)[0] ?? ""))
    )
  )
  if (head === null) return yield* absent(`${remoteUrl} has no branch ${branch}`)
  return branch
})

/** What a project starts with, until somebody sets it otherwise. */
const defaults = {
  checks: [],
  limits: { dailyUsd: Usd.make(20_000_000), workOrderUsd: Usd.make(2_000_000) },
  concurrency: 4,
  timeZone: DateTime.zoneMakeNamedUnsafe("UTC"),
  mode: "on"
} as const

/** A project for a remote, with the defaults; on the local forge it is given a name there. */
export const projectFor = Effect.fnUntraced(function* (
  remoteUrl: string,
  options: { readonly id: Option.Option<ProjectId>; readonly base: Option.Option<string> }
) {
  const forge = yield* forgeName(remoteUrl)
  const baseBranch = yield* baseBranchOf(remoteUrl, options.base)
  const local = yield* Effect.serviceOption(LocalForge)
  if (Option.isSome(local)) yield* local.value.registerRepository({ ...forge, location: remoteUrl })
  const id = Option.getOrElse(options.id, () =>
    ProjectId.make(
      slug(`${forge.owner}-${forge.name}`) + (Option.isSome(local) ? "" : `-${digest(remoteUrl)}`)
    )
  )
  return new Project({ ...defaults, id, repository: { remoteUrl, forge }, baseBranch })
})

/** The project that stands for a remote, made with the defaults when nobody has added it. */
export const ensureProject = Effect.fnUntraced(function* (remoteUrl: string, base: Option.Option<string>) {
  const projects = yield* Projects
  const fresh = yield* projectFor(remoteUrl, { id: Option.none(), base })
  const known = (yield* projects.list({})).find(({ repository }) => repository.remoteUrl === remoteUrl)
  return known ?? (yield* projects.put(fresh))
})
