import type { Redacted } from "effect"
import type { ModelChoice } from "../../domain/Route.ts"
import type { Command } from "../Subprocess.ts"
import { fenceEnvironment } from "./Fence.ts"
import { type Folder, aiderName } from "./Folder.ts"

/** What an invocation needs to know of the gateway: where it is, and the token that stands for a key. */
export interface Access {
  readonly baseUrl: string
  readonly anthropicUrl: string
  readonly token: Redacted.Redacted<string>
}

/** Wider than any line that is looked at: Aider breaks its lines to the width of the terminal. */
const columns = "4000"
/** One call of a model, in seconds; Aider repeats it by itself. */
const callSeconds = 120

/** What any start of Aider sees of the world. Nothing is inherited but PATH: a variable AIDER_… is a setting. */
const clean = (folder: Folder, worktree: string) => ({
  HOME: folder.home,
  TMPDIR: folder.temporary,
  LC_ALL: "C.UTF-8",
  NO_COLOR: "1",
  COLUMNS: columns,
  // It opens addresses that it finds in errors.
  BROWSER: "true",
  PYTHONPATH: folder.python,
  PYTHONDONTWRITEBYTECODE: "1",
  PYTHONUNBUFFERED: "1",
  PYTHONUTF8: "1",
  LITELLM_LOCAL_MODEL_COST_MAP: "True",
  NO_PROXY: "*",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  ...fenceEnvironment({ worktree, folder: folder.root, closed: folder.closed, refused: folder.refused })
})

type Invocation = Pick<Command, "command" | "args" | "cwd" | "env">

/** Asks for its version, under the same conditions. */
export const versionOf = (command: string, folder: Folder): Invocation => ({
  command,
  args: ["--version", "--config", folder.config, "--env-file", "/dev/null"],
  cwd: folder.home,
  env: clean(folder, folder.home)
})

/**
 * One run: the instructions as its only message, the files to edit by their absolute paths, and nothing that asks,
 * commits, fetches, or stays behind.
 */
export const invocation = (options: {
  readonly command: string
  readonly folder: Folder
  readonly worktree: string
  readonly instructions: string
  readonly model: ModelChoice
  readonly access: Access
  readonly files: ReadonlyArray<string>
}): Invocation => {
  const { command, folder, worktree, instructions, model, access, files } = options
  const name = aiderName(model)
  return {
    command,
    cwd: worktree,
    args: [
      "--model",
      name,
      "--weak-model",
      name,
      "--edit-format",
      "diff",
      "--model-metadata-file",
      folder.metadata,
      "--openai-api-base",
      access.baseUrl,
      "--message-file",
      instructions,
      "--yes-always",
      "--no-auto-commits",
      "--no-dirty-commits",
      "--no-gitignore",
      "--no-auto-lint",
      "--no-auto-test",
      "--no-check-update",
      "--no-show-release-notes",
      "--no-show-model-warnings",
      "--no-analytics",
      "--analytics-log",
      folder.analytics,
      "--no-stream",
      "--no-pretty",
      "--no-fancy-input",
      "--no-notifications",
      "--no-detect-urls",
      "--no-suggest-shell-commands",
      "--disable-playwright",
      "--no-restore-chat-history",
      "--map-tokens",
      "0",
      "--config",
      folder.config,
      "--env-file",
      "/dev/null",
      "--chat-history-file",
      folder.chat,
      "--input-history-file",
      folder.input,
      "--timeout",
      String(callSeconds),
      "--encoding",
      "utf-8",
      ...files.flatMap((file) => ["--file", file])
    ],
    env: {
      ...clean(folder, worktree),
      OPENAI_API_KEY: access.token,
      OPENAI_API_BASE: access.baseUrl,
      OPENAI_BASE_URL: access.baseUrl,
      ANTHROPIC_API_KEY: access.token,
      ANTHROPIC_API_BASE: access.anthropicUrl,
      ANTHROPIC_BASE_URL: access.anthropicUrl
    }
  }
}
