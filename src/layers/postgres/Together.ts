import { Array as Arr, Deferred, Effect, type Scope } from "effect"

interface Waiting<I, O, E> {
  readonly input: I
  readonly answer: Deferred.Deferred<O, E>
}

/**
 * Makes one call for everybody who waits. Who comes while nothing is under way is called for at once and alone;
 * who comes while `callsMax` calls are under way goes with the next one, together with at most `most` others.
 * `call` answers in the order it was asked; when it fails, it fails for all of its group. A caller that is
 * interrupted while it waits is left out; one whose group is under way is not, because the others need it.
 */
export const make = Effect.fnUntraced(function* <I, O, E, R>(options: {
  readonly most: number
  readonly callsMax: number
  readonly call: (inputs: ReadonlyArray<I>) => Effect.Effect<ReadonlyArray<O>, E, R>
}): Effect.fn.Return<(input: I) => Effect.Effect<O, E>, never, R | Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<R>()
  let waiting: Array<Waiting<I, O, E>> = []
  let calls = 0

  const callFor = (group: ReadonlyArray<Waiting<I, O, E>>) =>
    options.call(group.map(({ input }) => input)).pipe(
      Effect.flatMap((answers) =>
        answers.length === group.length
          ? Effect.succeed(answers)
          : Effect.die(new Error(`${group.length} were asked for, and ${answers.length} answered`))
      ),
      Effect.matchCauseEffect({
        onSuccess: (answers) =>
          Effect.forEach(Arr.zip(group, answers), ([{ answer }, value]) => Deferred.succeed(answer, value), {
            discard: true
          }),
        onFailure: (cause) =>
          Effect.forEach(group, ({ answer }) => Deferred.failCause(answer, cause), { discard: true })
      })
    )

  /** Calls until nobody waits. */
  const drain = Effect.gen(function* () {
    while (waiting.length > 0) {
      const group = waiting.slice(0, options.most)
      waiting = waiting.slice(options.most)
      yield* callFor(group)
    }
  }).pipe(Effect.ensuring(Effect.sync(() => calls--)), Effect.provide(context))

  return (input) =>
    Effect.gen(function* () {
      const one = { input, answer: yield* Deferred.make<O, E>() }
      waiting.push(one)
      if (calls < options.callsMax) {
        calls++
        yield* Effect.forkIn(drain, scope)
      }
      return yield* Deferred.await(one.answer).pipe(
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            waiting = waiting.filter((it) => it !== one)
          })
        )
      )
    })
})
