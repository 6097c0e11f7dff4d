import { Clock, Context, Duration, Effect, Layer, Option, Schema } from "effect"
import type { Reason } from "../domain/errors/PipelineError.ts"
import type { Contract, Failure, Output, Service } from "../services/Contract.ts"
import { GitHub, GitHubContract } from "../services/GitHub.ts"
import { Budget, BudgetContract } from "../services/Budget.ts"
import { CodeEditor, CodeEditorContract } from "../services/CodeEditor.ts"
import { Manager, ManagerContract } from "../services/Manager.ts"
import { Proposer, ProposerContract } from "../services/Proposer.ts"
import { Workspace, WorkspaceContract } from "../services/Workspace.ts"

/** What a call meets instead of its answer. */
export type What<Reason, Answer = never> =
  /** It fails with one of the reasons that the method declares, and nothing was done. */
  | { readonly _tag: "Fail"; readonly reason: Reason }
  /** It is done, and its answer gets lost: the caller is told of a failure. */
  | { readonly _tag: "LoseReply"; readonly reason: Reason }
  /** It answers this instead, and nothing was done: somebody on the other side is wrong, or lies. */
  | { readonly _tag: "Answer"; readonly answer: Answer }
  /** It never ends. Whoever called has to bound it. */
  | { readonly _tag: "Hang" }
  /** A bug in the layer. */
  | { readonly _tag: "Die"; readonly defect: unknown }
  /** Whoever called is interrupted from outside meanwhile, as `CurrentInterrupter` does it. */
  | { readonly _tag: "Interrupt" }

/** Which calls of the method meet it, counted from 1 since the layer was built. */
export type When =
  | { readonly _tag: "Always" }
  | { readonly _tag: "Nth"; readonly call: number }
  | { readonly _tag: "First"; readonly calls: number }
  /** From that call on, by the Clock. */
  | { readonly _tag: "For"; readonly duration: Duration.Duration; readonly from: number }
  /** A share of the calls, from 0 to 1; the same ones for the same seed. */
  | { readonly _tag: "Chance"; readonly seed: number; readonly share: number }

export const fail = <const R>(reason: R): What<R> => ({ _tag: "Fail", reason })
export const loseReply = <const R>(reason: R): What<R> => ({ _tag: "LoseReply", reason })
export const answer = <const A>(value: A): What<never, A> => ({ _tag: "Answer", answer: value })
export const hang: What<never> = { _tag: "Hang" }
export const die = (defect: unknown): What<never> => ({ _tag: "Die", defect })
export const interrupt: What<never> = { _tag: "Interrupt" }

export const always: When = { _tag: "Always" }
export const nth = (call: number): When => ({ _tag: "Nth", call })
export const first = (calls: number): When => ({ _tag: "First", calls })
export const during = (duration: Duration.Input, from = 1): When => ({
  _tag: "For",
  duration: Duration.fromInputUnsafe(duration),
  from
})
export const chance = (seed: number, share: number): When => ({ _tag: "Chance", seed, share })

/** What some calls of one method meet. */
export type Fault<C extends Contract> = {
  readonly [M in keyof C & string]: {
    readonly method: M
    readonly what: What<Failure<C, M>, Output<C, M>>
    readonly when: When
  }
}[keyof C & string]

/** How an `Interrupt` interrupts: the calling fiber, from outside, unless a test brings a cancel of its own. */
export const CurrentInterrupter = Context.Reference<Effect.Effect<void> | undefined>(
  "moose/testing/Faults/CurrentInterrupter",
  { defaultValue: () => undefined }
)

/** Numbers from 0 to 1, the same for the same seed (the algorithm is called mulberry32). */
const mulberry = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Whether the next call's turn has come. */
const turns = (when: When): ((now: number) => boolean) => {
  let calls = 0
  let since: number | undefined
  const draw = when._tag === "Chance" ? mulberry(when.seed) : () => 1
  return (now) => {
    calls++
    if (when._tag === "For" && calls >= when.from) since ??= now
    switch (when._tag) {
      case "Always":
        return true
      case "Nth":
        return calls === when.call
      case "First":
        return calls <= when.calls
      case "For":
        return since !== undefined && now < since + Duration.toMillis(when.duration)
      case "Chance":
        return draw() < when.share
    }
  }
}

/** A call that cannot be interrupted takes a second, and is done; one that can never ends. */
const interrupted = <A, E, R>(real: Effect.Effect<A, E, R>) =>
  Effect.withFiber<A, E, R>((caller) =>
    Effect.gen(function* () {
      const interrupter = yield* CurrentInterrupter
      yield* Effect.forkDetach(interrupter ?? Effect.sync(() => caller.interruptUnsafe()))
      yield* Effect.sleep("1 second")
      return yield* real
    })
  )

const meet = <A, E, R>(what: What<E, A>, real: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  switch (what._tag) {
    case "Fail":
      return Effect.fail(what.reason)
    case "LoseReply":
      return Effect.andThen(real, Effect.fail(what.reason))
    case "Answer":
      return Effect.succeed(what.answer)
    case "Hang":
      return Effect.never
    case "Die":
      return Effect.die(what.defect)
    case "Interrupt":
      return interrupted(real)
  }
}

/**
 * The service as it is, double or real, but for the faults: each names a method, what its calls meet, and which of
 * them. Of several faults of one method the last that has its turn counts.
 */
export const inject = <I, C extends Contract>(
  tag: Context.Key<I, Service<C>>,
  ...faults: ReadonlyArray<Fault<C>>
): Layer.Layer<I, never, I> =>
  Layer.effect(
    tag,
    Effect.map(tag, (real) =>
      faults.reduce((service, { method, what, when }) => {
        const hasTurn = turns(when)
        const call = service[method]
        const faulty: typeof call = (input) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            hasTurn(now) ? meet(what, call(input)) : call(input)
          )
        return { ...service, [method]: faulty }
      }, real)
    )
  )

/** The service as it is; `called` hears of each call of each method before it is made. */
export const watch = <I, C extends Contract>(
  tag: Context.Key<I, Service<C>>,
  contract: C,
  called: (method: string) => void
): Layer.Layer<I, never, I> =>
  Layer.effect(
    tag,
    Effect.map(tag, (real) =>
      Object.keys(contract).reduce((service, method) => {
        const call = service[method]
        return call === undefined
          ? service
          : {
              ...service,
              [method]: (input: unknown) =>
                Effect.suspend(() => {
                  called(method)
                  return call(input)
                })
            }
      }, real)
    )
  )

type Wrapped = Manager | Budget | Proposer | Workspace | CodeEditor | GitHub
/** Replaces one of the services it needs; says so at run time only, since which one depends on the reason. */
export type Meeting = Layer.Layer<never, never, Wrapped>

const places =
  <I extends Wrapped, C extends Contract>(tag: Context.Key<I, Service<C>>, contract: C) =>
  (...methods: ReadonlyArray<keyof C & string>) =>
    methods.map((method) => (reason: Reason): Option.Option<Meeting> => {
      const failure = contract[method]?.failure
      return failure !== undefined && Schema.is(failure)(reason)
        ? Option.some(inject(tag, { method, what: fail(reason), when: always }))
        : Option.none()
    })

/** Where the pipeline can meet a reason, in the order in which it would. */
const everywhere: ReadonlyArray<(reason: Reason) => Option.Option<Meeting>> = [
  ...places(Workspace, WorkspaceContract)("ready"),
  ...places(CodeEditor, CodeEditorContract)("ready"),
  ...places(GitHub, GitHubContract)("getRepository"),
  ...places(Manager, ManagerContract)("route"),
  ...places(Budget, BudgetContract)("check"),
  ...places(Workspace, WorkspaceContract)("snapshot"),
  ...places(Proposer, ProposerContract)("ask"),
  ...places(Workspace, WorkspaceContract)("openWorktree", "writeInstructions"),
  ...places(CodeEditor, CodeEditorContract)("apply"),
  ...places(Workspace, WorkspaceContract)("commit", "push", "remoteHead"),
  ...places(GitHub, GitHubContract)("createPullRequest", "getPullRequest")
]

/** Makes the pipeline meet `reason` at the first place that can; none when no single call ends in it. */
export const meeting = (reason: Reason): Option.Option<Meeting> =>
  Option.firstSomeOf(everywhere.map((place) => place(reason)))
