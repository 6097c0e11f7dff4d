import { spawnSync } from "node:child_process"

/** How a command ended, and all it said. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Command {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Longer than this, and the command is killed and has failed. */
  readonly timeoutMs: number
}

/** Runs a command without a terminal and without input. Does not throw: a command that cannot start has failed. */
export const run = (command: string, args: ReadonlyArray<string>, options: Command): Ended => {
  const { cwd, env, timeoutMs } = options
  const ended = spawnSync(command, args, {
    cwd,
    env: { ...env },
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const stderr = ended.error === undefined ? ended.stderr : `${ended.stderr}\n${ended.error.message}`
  return { code: ended.status ?? -1, stdout: ended.stdout, stderr }
}

/** Runs a command that has to succeed, and answers what it printed. */
export const output = (command: string, args: ReadonlyArray<string>, options: Command): string => {
  const ended = run(command, args, options)
  if (ended.code === 0) return ended.stdout.trim()
  const said = `${ended.stdout}\n${ended.stderr}`.trim().slice(-2_000)
  throw new Error(`${command} ${args.join(" ")} ended with ${ended.code}: ${said}`)
}

const seconds = (since: number) => `${((performance.now() - since) / 1_000).toFixed(1)} s`

/** Counts checks. A check passes unless it throws; what it returns is printed beside it. */
export class Checks {
  passed = 0
  failed = 0

  check(name: string, body: () => string | void): boolean {
    const since = performance.now()
    try {
      const remark = body()
      this.passed += 1
      console.log(`PASS ${name} (${seconds(since)})${remark === undefined ? "" : `: ${remark}`}`)
      return true
    } catch (error) {
      this.failed += 1
      const problem = error instanceof Error ? error.message : String(error)
      console.log(`FAIL ${name} (${seconds(since)})\n     ${problem.replaceAll("\n", "\n     ")}`)
      return false
    }
  }

  /** The closing line; true when everything passed and there was something to pass. */
  conclude(): boolean {
    console.log(`${this.passed} passed, ${this.failed} failed`)
    return this.failed === 0 && this.passed > 0
  }
}
