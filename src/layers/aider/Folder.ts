import { Effect, type FileSystem, type Path } from "effect"
import type { ModelChoice } from "../../domain/Route.ts"
import { fence, fenceFile } from "./Fence.ts"

/** What Aider gets to itself for one run: a home, settings that say nothing, and places for what it writes about itself. */
export interface Folder {
  readonly root: string
  readonly home: string
  readonly temporary: string
  /** The folder of the fence, for PYTHONPATH. */
  readonly python: string
  readonly closed: string
  readonly refused: string
  readonly config: string
  readonly metadata: string
  readonly analytics: string
  readonly chat: string
  readonly input: string
  /** Where files of the repository are meanwhile that Aider would take for settings of its own. */
  readonly hidden: string
}

const nameOf = { openai: "openai", anthropic: "anthropic", offline: "openai" } as const

/** The model as Aider calls it: by the protocol, then the name. */
export const aiderName = ({ provider, model }: ModelChoice): string => `${nameOf[provider]}/${model}`

/** What Aider would otherwise fetch from the internet at each start. Prices are the ledger's business. */
const metadataOf = (model: ModelChoice): string =>
  JSON.stringify({
    [aiderName(model)]: {
      max_tokens: model.maxOutputTokens,
      max_output_tokens: model.maxOutputTokens,
      litellm_provider: nameOf[model.provider],
      mode: "chat"
    }
  })

/** An identity is in its home, because Aider writes one into the repository's configuration where it finds none. */
const gitConfig = `[user]
  name = Moose
  email = moose@localhost
[core]
  hooksPath = /dev/null
  fsmonitor = false
[safe]
  directory = *
`

/** Makes the folder anew at `root`; whatever is there was left by a crash. */
export const make = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  path: Path.Path,
  root: string,
  model: ModelChoice | null
) {
  const at = (...names: ReadonlyArray<string>) => path.join(root, ...names)
  const folder: Folder = {
    root,
    home: at("home"),
    temporary: at("tmp"),
    python: at("python"),
    closed: at("fence-closed"),
    refused: at("fence-refused"),
    config: at("config.yml"),
    metadata: at("model.json"),
    analytics: at("analytics.jsonl"),
    chat: at("chat.md"),
    input: at("input"),
    hidden: at("hidden")
  }
  yield* fs.remove(root, { recursive: true, force: true })
  for (const directory of [folder.home, folder.temporary, folder.python, folder.hidden]) {
    yield* fs.makeDirectory(directory, { recursive: true })
  }
  yield* fs.writeFileString(path.join(folder.python, fenceFile), fence)
  yield* fs.writeFileString(path.join(folder.home, ".gitconfig"), gitConfig)
  // An empty file is refused: it has to hold a mapping.
  yield* fs.writeFileString(folder.config, "{}\n")
  if (model !== null) yield* fs.writeFileString(folder.metadata, metadataOf(model))
  return folder
})

/** Files at the root of a repository that Aider reads as its own settings, whatever its arguments say. */
export const ownSettings: ReadonlyArray<string> = [
  ".env",
  ".aider.conf.yml",
  ".aider.model.settings.yml",
  ".aider.model.metadata.json"
]

/** Takes them out of Aider's sight, and answers how to put them back. */
export const hide = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  path: Path.Path,
  worktree: string,
  { hidden }: Folder
) {
  const found: Array<string> = []
  for (const name of ownSettings) {
    const moved = yield* Effect.result(fs.rename(path.join(worktree, name), path.join(hidden, name)))
    if (moved._tag === "Success") found.push(name)
    else if (moved.failure.reason._tag !== "NotFound") return yield* Effect.fail(moved.failure)
  }
  return Effect.forEach(
    found,
    (name) => {
      const back = path.join(worktree, name)
      return Effect.andThen(
        fs.remove(back, { recursive: true, force: true }),
        fs.rename(path.join(hidden, name), back)
      )
    },
    { discard: true }
  )
})
