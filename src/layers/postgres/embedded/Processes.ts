import { spawn } from "node:child_process"
import { Clock, Duration, Effect, FileSystem, Option, Predicate, Schema, identity } from "effect"
import { Limits } from "../../../domain/policies/Limits.ts"

/** Whom a program runs as; null is whoever runs Moose. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** A process that is running. `started` tells it from a later one with the same id; empty where unknown. */
export interface Running {
  readonly pid: number
  readonly started: string
  readonly commandLine: string
  readonly workingDirectory: string
}

/** A program could not be run at all. `code` is the system's: "EACCES", "ENOENT". */
export class ProgramNotRun extends Schema.TaggedError<ProgramNotRun>()("ProgramNotRun", {
  command: Schema.String,
  code: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.command} could not be run: ${this.code}`
  }
}

/** The system's code of a failed call, or an empty text. */
export const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""

/** Sends a signal; 0 only asks. False when there is no such process. */
export const signal = (pid: number, name: NodeJS.Signals | 0): Effect.Effect<boolean> =>
  Effect.try({ try: () => process.kill(pid, name), catch: codeOf }).pipe(
    Effect.match({ onSuccess: () => true, onFailure: (code) => code === "EPERM" })
  )

interface RunInput {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly runAs: RunAs | null
}

/** Runs a program to its end and answers its exit code and the end of what it wrote; killed when interrupted. */
export const run = (input: RunInput) =>
  Effect.callback<{ readonly exitCode: number | null; readonly output: string }, ProgramNotRun>((resume) => {
    const child = spawn(input.command, [...input.args], {
      cwd: "/",
      env: { ...input.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      ...input.runAs
    })
    let output = ""
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-Limits.postgresOutputCharactersMax)
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.on("error", (cause) =>
      resume(Effect.fail(new ProgramNotRun({ command: input.command, code: codeOf(cause), cause })))
    )
    child.on("close", (exitCode) => resume(Effect.succeed({ exitCode, output })))
    // Its own process group, so that the helpers it started end with it.
    return child.pid === undefined ? Effect.void : signal(-child.pid, "SIGKILL")
  })

/** In /proc/<pid>/stat the name, which may hold anything, ends at the last ")"; the state follows it. */
const stateField = 0
const startedField = 19

const fromProc = Effect.fnUntraced(function* (pid: number) {
  const fs = yield* FileSystem.FileSystem
  const read = (name: string) => Effect.orElseSucceed(fs.readFileString(`/proc/${pid}/${name}`), () => "")
  const stat = yield* read("stat")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const state = fields[stateField] ?? ""
  if (state === "Z" || state === "X") return Option.none()
  return Option.some<Running>({
    pid,
    started: fields[startedField] ?? "",
    commandLine: (yield* read("cmdline")).replaceAll("\0", " ").trim(),
    workingDirectory: yield* Effect.orElseSucceed(fs.readLink(`/proc/${pid}/cwd`), () => "")
  })
})

/** What `ps -o stat=,lstart=,command=` says: one word, five words, the rest. */
const psLine = /^(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/

/** The same from `ps`, for systems without /proc. */
export const fromPs = Effect.fnUntraced(function* (pid: number) {
  const answer = yield* Effect.option(
    run({
      command: "ps",
      args: ["-o", "stat=,lstart=,command=", "-p", String(pid)],
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
      runAs: null
    })
  )
  const line = Option.match(answer, { onNone: () => "", onSome: ({ output }) => output.trim() })
  const [, state = "", started = "", commandLine = ""] = psLine.exec(line) ?? []
  if (state.startsWith("Z")) return Option.none()
  return Option.some<Running>({
    pid,
    started: started.replaceAll(/[^A-Za-z0-9]/g, ""),
    commandLine,
    workingDirectory: ""
  })
})

/** The process with this id, unless it has ended. One that ended and was not yet waited for has ended. */
export const find = Effect.fnUntraced(function* (pid: number) {
  if (pid <= 0 || !(yield* signal(pid, 0))) return Option.none<Running>()
  return yield* process.platform === "linux" ? fromProc(pid) : fromPs(pid)
})

const referenceShape = /^(\d{1,10})-([A-Za-z0-9]*)/

/** Names this process so that nobody mistakes a later one with the same id for it: "4242-118834". */
export const ownReference = Effect.gen(function* () {
  const own = yield* find(process.pid)
  return `${process.pid}-${Option.match(own, { onNone: () => "", onSome: ({ started }) => started })}`
})

/** The process id in a reference, if the process it was made by is still running. */
export const findReferenced = Effect.fnUntraced(function* (reference: string) {
  const [, pid, started] = referenceShape.exec(reference) ?? []
  if (pid === undefined) return Option.none<number>()
  const found = yield* find(Number(pid))
  return found.pipe(
    Option.filter((now) => started === "" || now.started === "" || started === now.started),
    Option.map((now) => now.pid)
  )
})

/**
 * Asks every `Limits.postgresPoll` until there is an answer; none when `within` is over. `restore` makes the
 * pauses interruptible where the asking is not.
 */
export const waitFor = Effect.fnUntraced(function* <A, E, R>(
  within: Duration.Duration,
  ask: Effect.Effect<Option.Option<A>, E, R>,
  restore: (pause: Effect.Effect<void>) => Effect.Effect<void> = identity
) {
  const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(within)
  while (true) {
    const answer = yield* ask
    if (Option.isSome(answer) || (yield* Clock.currentTimeMillis) >= deadline) return answer
    yield* restore(Effect.sleep(Limits.postgresPoll))
  }
})
