import { Duration, Effect, Exit, Fiber, Option, PlatformError, Redacted, Schema, Scope, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { Limits } from "../domain/policies/Limits.ts"

/** The program is not installed, or not on PATH. */
export class SubprocessMissing extends Schema.TaggedError<SubprocessMissing>()("SubprocessMissing", {
  command: Schema.String
}) {
  override get message() {
    return `${this.command} is not installed, or not on PATH`
  }
}

/** The program did not end within its limit; it and everything it started were killed. */
export class SubprocessTimedOut extends Schema.TaggedError<SubprocessTimedOut>()("SubprocessTimedOut", {
  command: Schema.String,
  limitMs: Schema.Int,
  /** What it had said until then, as far as it was kept. */
  stdout: Schema.String,
  stderr: Schema.String
}) {
  override get message() {
    return `${this.command} did not end within ${this.limitMs / 1000} s`
  }
}

/** The program could not be started or its output not read: a missing folder, no permission, no more processes. */
export class SubprocessFailed extends Schema.TaggedError<SubprocessFailed>()("SubprocessFailed", {
  command: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.command} could not be run: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** A program to run. */
export interface Command {
  readonly command: string
  /** A `Redacted` argument reaches the program, but no failure. It is still visible to other users in `ps`. */
  readonly args: ReadonlyArray<string | Redacted.Redacted<string>>
  readonly cwd?: string | undefined
  /** Everything the program gets beside PATH, HOME and TMPDIR; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /** Without it the program reads an empty stdin. */
  readonly stdin?: string | Uint8Array | undefined
  readonly timeout: Duration.Duration
  /** How long it may take to end after it was asked to; `Limits` when nothing is said. */
  readonly killAfter?: Duration.Duration | undefined
  /** Of stdout and of stderr, each. What exceeds it is read and thrown away, so that the program can go on. */
  readonly outputBytesMax: number
  /** Which part of too much output is kept; the beginning when nothing is said. */
  readonly keep?: "beginning" | "end" | undefined
  /** Hears of stdout as it comes, all of it, whatever is kept. The program waits while it listens. */
  readonly heard?: ((chunk: Uint8Array) => Effect.Effect<void>) | undefined
}

/** How a program ended. Exactly one of `exitCode` and `signal` is null. */
export interface Ended {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: Uint8Array
  readonly stderr: string
  /** Where part of the output is missing: it was too much, or something else still held the pipe. */
  readonly truncated: { readonly stdout: boolean; readonly stderr: boolean }
}

/** Output as text; bytes that are no UTF-8 become U+FFFD. */
export const text = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

const pick = (names: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    })
  )

const everyProgram = ["PATH", "HOME", "TMPDIR"]

const overTheNetwork = [
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  "SSH_AUTH_SOCK",
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()])
]

/** What a program that talks to a network on the user's behalf needs of our own environment: certificates, proxies, ssh agent. */
export const networkEnvironment = (): Record<string, string> => pick(overTheNetwork)

/** Keeps at most `bytesMax` of what passes, from the beginning or from the end. */
const makeBuffer = (bytesMax: number, keep: "beginning" | "end") => {
  let chunks: Array<Uint8Array> = []
  let size = 0
  let truncated = false
  const add = (chunk: Uint8Array) => {
    const kept = keep === "end" ? chunk : chunk.subarray(0, bytesMax - size)
    truncated ||= kept.length < chunk.length
    if (kept.length === 0) return
    chunks.push(kept)
    size += kept.length
    // Joined only when twice the limit has gathered, so that each byte is copied a bounded number of times.
    if (size > 2 * bytesMax) shorten()
  }
  const shorten = () => {
    const all = Buffer.concat(chunks)
    truncated ||= all.length > bytesMax
    const kept = all.length > bytesMax ? Uint8Array.from(all.subarray(all.length - bytesMax)) : all
    chunks = [kept]
    size = kept.length
    return kept
  }
  return { add, bytes: shorten, truncated: () => truncated }
}

type Buffered = ReturnType<typeof makeBuffer>

const startFailure =
  (command: string) =>
  (cause: PlatformError.PlatformError): SubprocessMissing | SubprocessFailed =>
    cause.reason._tag === "NotFound" && cause.reason.module === "ChildProcess"
      ? new SubprocessMissing({ command })
      : new SubprocessFailed({ command, cause })

/** The spawner reports a death by signal as a failure that names the signal only in its words. */
const signalOf = (error: PlatformError.PlatformError): string | undefined =>
  error.reason._tag !== "BadArgument" && error.reason.method === "exitCode" && error.cause instanceof Error
    ? /signal: '(SIG\w+)'/.exec(error.cause.message)?.[1]
    : undefined

const endOf = (command: string, handle: ChildProcessSpawner.ChildProcessHandle) =>
  handle.exitCode.pipe(
    Effect.map((exitCode): Pick<Ended, "exitCode" | "signal"> => ({ exitCode, signal: null })),
    Effect.catch((error) => {
      const signal = signalOf(error)
      return signal === undefined
        ? Effect.fail(new SubprocessFailed({ command, cause: error }))
        : Effect.succeed({ exitCode: null, signal })
    })
  )

/** Ends what a program left behind in its process group; usually that is nothing, and nothing happens. */
const killGroup = (group: number) => Effect.ignore(Effect.try(() => process.kill(-group, "SIGKILL")))

/**
 * Runs a program to its end, within `timeout`. Ending with a code other than 0 is an answer, not a
 * failure. When it times out or is interrupted, its whole process group is asked to end and then killed;
 * what it leaves in the group at its own end is killed too.
 */
export const run = Effect.fn("Subprocess.run")(function* (input: Command) {
  const { command, outputBytesMax, keep = "beginning" } = input
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const stdout = makeBuffer(outputBytesMax, keep)
  const stderr = makeBuffer(outputBytesMax, keep)
  const stdin =
    typeof input.stdin === "string" ? new TextEncoder().encode(input.stdin) : (input.stdin ?? "ignore")

  const toItsEnd = Effect.gen(function* () {
    const forceKillAfter = input.killAfter ?? Limits.processKillAfter
    const handle = yield* spawner
      .spawn(
        ChildProcess.make(command, input.args, {
          cwd: input.cwd,
          env: { ...pick(everyProgram), ...input.env },
          stdin: typeof stdin === "string" ? stdin : Stream.make(stdin),
          forceKillAfter
        })
      )
      .pipe(Effect.mapError(startFailure(command)))
    const collect = (stream: typeof handle.stdout, buffer: Buffered, heard = input.heard) =>
      Stream.runForEach(stream, (chunk) =>
        Effect.andThen(
          Effect.sync(() => buffer.add(chunk)),
          heard === undefined ? Effect.void : heard(chunk)
        )
      ).pipe(
        Effect.mapError((cause) => new SubprocessFailed({ command, cause })),
        Effect.forkScoped
      )
    const outputs = yield* Effect.all({
      stdout: collect(handle.stdout, stdout),
      stderr: collect(handle.stderr, stderr, () => Effect.void)
    })
    // Bounded, because what the program left in the background may hold the pipe for as long as it lives.
    const isRead = (reader: typeof outputs.stdout) =>
      Effect.map(Effect.timeoutOption(Fiber.join(reader), Limits.processDrain), Option.isSome)
    const areRead = Effect.all(
      { stdout: isRead(outputs.stdout), stderr: isRead(outputs.stderr) },
      { concurrency: "unbounded" }
    )

    const end = yield* endOf(command, handle)
    const read = yield* areRead
    if (read.stdout && read.stderr) {
      yield* killGroup(handle.pid)
      return { ...end, read }
    }
    yield* Effect.ignore(handle.kill({ forceKillAfter }))
    return { ...end, read: yield* areRead }
  })

  const timedOut = Effect.suspend(() =>
    Effect.fail(
      new SubprocessTimedOut({
        command,
        limitMs: Duration.toMillis(input.timeout),
        stdout: text(stdout.bytes()),
        stderr: text(stderr.bytes())
      })
    )
  )

  const end = yield* Effect.acquireUseRelease(
    Scope.make(),
    (scope) =>
      toItsEnd.pipe(
        Scope.provide(scope),
        Effect.timeoutOrElse({ duration: input.timeout, orElse: () => timedOut })
      ),
    (scope, exit) => {
      const close = Scope.close(scope, exit)
      // After a good end nothing is left alive, but the spawner also waits for what the system has not buried yet.
      return Exit.isSuccess(exit) ? Effect.forkDetach(close) : close
    }
  )
  const ended: Ended = {
    exitCode: end.exitCode,
    signal: end.signal,
    stdout: stdout.bytes(),
    stderr: text(stderr.bytes()),
    truncated: {
      stdout: stdout.truncated() || !end.read.stdout,
      stderr: stderr.truncated() || !end.read.stderr
    }
  }
  return ended
})
