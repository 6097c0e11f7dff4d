import { type Cause, Effect, Fiber, Queue, Redacted, Stream } from "effect"
import * as Evidence from "../../domain/errors/Evidence.ts"
import { Limits } from "../../domain/policies/Limits.ts"
import type { Run, WorkOrderId } from "../../domain/Ids.ts"
import type { StepJournal } from "../../services/StepJournal.ts"

/** Without secrets, the token of this attempt, and what neither a terminal nor a database takes. */
export const presentable = (text: string, token: Redacted.Redacted<string>): string =>
  Evidence.redact(text.replaceAll(Redacted.value(token), "[token]"))
    .replace(/[^\P{Cc}\n\t]/gu, "")
    .toWellFormed()

/**
 * Tells the order's timeline, and the log, what an editor prints while it prints it: lines gathered for a moment, so
 * many notes and no more. `run` is given what wants to hear each chunk. Nothing waits for the timeline: one that is
 * slow loses lines, and a note that cannot be stored is in the log only.
 */
export const told = Effect.fnUntraced(function* <A, E, R>(
  options: {
    readonly journal: StepJournal["Service"]
    readonly at: { readonly workOrderId: WorkOrderId; readonly run: Run }
    readonly token: Redacted.Redacted<string>
  },
  run: (heard: (chunk: Uint8Array) => Effect.Effect<void>) => Effect.Effect<A, E, R>
) {
  const { journal, at, token } = options
  const lines = yield* Queue.dropping<string, Cause.Done>(Limits.editorNoteLines * Limits.editorNotesMax)
  const decoder = new TextDecoder()
  let begun = ""
  let notes = 0

  const heard = (chunk: Uint8Array) => {
    const all = (begun + decoder.decode(chunk, { stream: true })).split("\n")
    begun = (all.pop() ?? "").slice(0, Limits.editorNoteCharactersMax)
    return Effect.asVoid(Queue.offerAll(lines, all))
  }

  const tell = Effect.fnUntraced(function* (gathered: ReadonlyArray<string>) {
    const text = presentable(gathered.join("\n"), token).trim()
    if (text === "") return
    yield* Effect.logDebug(`aider: ${text}`)
    if (notes >= Limits.editorNotesMax) return
    notes++
    const rest = notes === Limits.editorNotesMax ? "\n(what follows is in the log only)" : ""
    const message = `aider: ${text.slice(0, Limits.editorNoteCharactersMax)}${rest}`
    yield* journal
      .commit({ ...at, facts: [{ _tag: "Noted", step: "applying", message }] })
      .pipe(
        Effect.catch((error) => Effect.logWarning("A note of the editor's output could not be stored", error))
      )
  })

  const telling = yield* Stream.fromQueue(lines).pipe(
    Stream.groupedWithin(Limits.editorNoteLines, Limits.editorNoteEvery),
    Stream.runForEach(tell),
    Effect.forkChild
  )
  const finish = Queue.offer(lines, begun).pipe(
    Effect.andThen(Queue.end(lines)),
    Effect.andThen(Effect.timeoutOption(Fiber.join(telling), Limits.editorNoteLast)),
    Effect.ensuring(Fiber.interrupt(telling))
  )
  return yield* Effect.ensuring(
    Effect.suspend(() => run(heard)),
    Effect.suspend(() => finish)
  )
})
