import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option, Schema, Schedule } from "effect"
import { isSettled } from "../../../src/domain/Status.ts"
import { git } from "../Lane.ts"
import * as Rows from "./Rows.ts"

const inFolder = (directory: string) => (existsSync(directory) ? readdirSync(directory) : [])

/** Every `refs/` line of a repository below some prefixes, as name and commit. */
const refs = Effect.fnUntraced(function* (directory: string, ...under: ReadonlyArray<string>) {
  if (!existsSync(directory)) return []
  const text = yield* git(directory, "for-each-ref", "--format=%(refname) %(objectname)", ...under)
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", sha = ""] = line.split(" ")
      return { name, sha }
    })
})

const locksIn = (directory: string): ReadonlyArray<string> =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".lock"))
    : []

const readQuarantined = Schema.decodeUnknownOption(
  Schema.Struct({ quarantined: Schema.NullOr(Schema.String) })
)

/** Everything there is, and whether a row says why; every row, and whether what it says is so. */
export const explained = Effect.fnUntraced(function* (scene: Rows.Scene, order: Rows.Order) {
  const { home, location, project } = scene
  const rows = yield* Rows.readResources(scene.order)
  const found: Array<string> = []
  const over = isSettled(order.status)
  const mirror = join(home, "mirrors", `${project}.git`)

  const claims = (kind: string, name: string) =>
    rows.some((row) => {
      if (row.kind !== kind || row.name !== name) return false
      return row.state === "preserved" || (!over && row.state !== "released")
    })

  const branches = (yield* refs(mirror, "refs/heads/moose")).map(({ name }) =>
    name.slice("refs/heads/".length)
  )
  const remote = (yield* refs(location, "refs/heads/moose")).map(({ name, sha }) => ({
    name: name.slice("refs/heads/".length),
    sha
  }))
  const open = (yield* Rows.pulls(scene)).filter(({ state }) => state === "open")
  const folder = join(home, "worktrees", project)
  const worktrees = inFolder(folder).map((name) => join(folder, name))
  const instructions = inFolder(join(home, "instructions")).map((name) => join(home, "instructions", name))
  const there: Readonly<Record<string, ReadonlyArray<string>>> = {
    worktree: worktrees,
    instruction_file: instructions,
    branch: branches,
    remote_branch: remote.map(({ name }) => name),
    pull_request: open.map(({ head }) => head.ref)
  }

  for (const [kind, names] of Object.entries(there)) {
    for (const name of names) if (!claims(kind, name)) found.push(`nothing explains the ${kind} ${name}`)
  }
  for (const { kind, name, reason, state } of rows) {
    const is = there[kind]?.includes(name) ?? false
    if (state === "preserved" && !is)
      found.push(`the ${kind} ${name} is gone, and was to be kept: ${reason ?? ""}`)
    if (state === "released" && is && !claims(kind, name))
      found.push(`the ${kind} ${name} is there, and is said to be gone`)
    if ((state === "intended" || state === "held") && over)
      found.push(`the ${kind} ${name} is still ${state}`)
  }

  const quarantined = rows.flatMap(({ evidence, kind }) =>
    kind === "branch"
      ? Option.toArray(Option.flatMapNullishOr(readQuarantined(evidence), (it) => it.quarantined))
      : []
  )
  const kept = yield* refs(mirror, "refs/moose")
  for (const { name, sha } of kept) {
    if (!quarantined.includes(sha)) found.push(`nothing explains ${name}`)
  }
  for (const sha of quarantined) {
    if (!kept.some((ref) => ref.sha === sha)) found.push(`${sha} is not in quarantine, and is said to be`)
  }
  // What git remembers of worktrees, besides the bare repository itself.
  if (existsSync(mirror) && worktrees.length === 0) {
    // A git that outlived its worker may just be removing one.
    const listed = Effect.retry(git(mirror, "worktree", "list", "--porcelain"), {
      schedule: Schedule.spaced("200 millis"),
      times: 20
    })
    const known = (yield* listed).split("\n\n").length
    if (known > 1) found.push(`git remembers ${known - 1} worktrees that are gone`)
  }
  if (over) for (const lock of locksIn(mirror)) found.push(`the mirror is locked by ${lock}`)
  return { found, open, remote }
})
