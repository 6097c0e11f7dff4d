import { Array as Arr, Cause, Deferred, Effect, Option, type Scope } from "effect"

interface Waiting<I, O, E> {
  readonly input: I
  readonly answer: Deferred.Deferred<O, E>
}

/**
 * Makes one call for everybody who waits. Who comes while nothing is under way is called for at once and alone
 * (by `together`, when there is no call for one); who comes meanwhile goes with the next one, together with at most `most`
 * others. With `least`, another call beside one that is under way begins when so many wait, and no fewer than the last one
 * was for: so the two take turns with whoever computes, and groups do not crumble into calls that cost more than they carry.
 * `together` answers in the order it was asked. When it fails for what one of its group asked, each is called for
 * alone, so that nobody fails for somebody else. A caller that is interrupted while it waits is left out; one whose group is
 * under way is not, because the others need it.
 */
export const make = Effect.fnUntraced(function* <I, O, E, R>(options: {
  readonly most: number
  /** Missing: another call begins for whoever comes, as long as fewer than `callsMax` are under way. */
  readonly least?: number
  readonly callsMax: number
  readonly alone?: (input: I) => Effect.Effect<O, E, R>
  readonly together: (inputs: ReadonlyArray<I>) => Effect.Effect<ReadonlyArray<O>, E, R>
  /** Can a group have failed because of what one of its callers asked? */
  readonly isOneCallers: (error: E) => boolean
}): Effect.fn.Return<(input: I) => Effect.Effect<O, E>, never, R | Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<R>()
  const { least } = options
  let waiting: Array<Waiting<I, O, E>> = []
  /** Calls under way; those of them that have not taken their group yet; and how many the last one took. */
  let calls = 0
  let beginning = 0
  let taken = 0

  const oneOf = (answers: ReadonlyArray<O>) =>
    Effect.fromOption(Arr.head(answers)).pipe(
      Effect.catch(() => Effect.die(new Error("One was asked for, and none answered")))
    )
  const alone = options.alone ?? ((input: I) => Effect.flatMap(options.together([input]), oneOf))

  const callAlone = ({ input, answer }: Waiting<I, O, E>) =>
    Effect.matchCauseEffect(alone(input), {
      onSuccess: (value) => Deferred.succeed(answer, value),
      onFailure: (cause) => Deferred.failCause(answer, cause)
    })

  const callTogether = (group: ReadonlyArray<Waiting<I, O, E>>) =>
    options.together(group.map(({ input }) => input)).pipe(
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
          Option.exists(Cause.findErrorOption(cause), options.isOneCallers)
            ? Effect.forEach(group, callAlone, { discard: true })
            : Effect.forEach(group, ({ answer }) => Deferred.failCause(answer, cause), { discard: true })
      })
    )

  /** How many of those who wait go with a call that begins, beside those that are about to. */
  const share = () =>
    least === undefined
      ? options.most
      : Math.min(options.most, Math.max(least, Math.ceil(waiting.length / (1 + beginning))))
  const areEnough = () => least === undefined || waiting.length >= Math.max(least * (1 + beginning), taken)

  /** Calls until nobody waits. */
  const drain = Effect.gen(function* () {
    beginning--
    while (waiting.length > 0) {
      const group = waiting.slice(0, share())
      waiting = waiting.slice(group.length)
      taken = group.length
      const [first, ...others] = group
      if (first !== undefined) yield* others.length === 0 ? callAlone(first) : callTogether(group)
    }
  }).pipe(Effect.ensuring(Effect.sync(() => calls--)), Effect.provide(context))

  return (input) =>
    Effect.gen(function* () {
      const one = { input, answer: yield* Deferred.make<O, E>() }
      waiting.push(one)
      if (calls === 0 || (calls < options.callsMax && areEnough())) {
        calls++
        beginning++
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
