import { Clock, Duration, Effect } from "effect"

/** Numbers from 0 to 1, the same for the same seed (the algorithm is called mulberry32). */
export const mulberry = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One way in which a call can go wrong. */
export interface Fault<E> {
  readonly name: string
  /** How many of a thousand calls meet it. */
  readonly perMille: number
  readonly reason: () => E
  /** How long it takes to find out. */
  readonly takes?: Duration.Duration
  /** The effect happened, and only the answer got lost. */
  readonly lost?: boolean
}

/** The fault whose turn it is in a draw among so many; none when the draw is past all of them. */
const drawn = <E>(rows: ReadonlyArray<Fault<E>>, draw: number): Fault<E> | undefined => {
  let left = draw
  return rows.find(({ perMille }) => (left -= perMille) < 0)
}

/** For what never goes wrong, or is never down. */
export const nothing: ReadonlyArray<Fault<never>> = []

interface Outage {
  readonly dependency: string
  readonly from: number
  readonly until: number
}

/** What one run meets, decided by its seed and by nothing else. */
export class Weather {
  readonly met = new Map<string, number>()
  readonly random: () => number
  private readonly outage: Outage | undefined

  constructor(
    seed: number,
    outages: { readonly perMille: number; readonly dependencies: ReadonlyArray<string> }
  ) {
    this.random = mulberry(seed)
    const hit = this.random() * 1000 < outages.perMille
    const dependency = outages.dependencies[Math.floor(this.random() * outages.dependencies.length)]
    const from = this.random() * 60_000
    const until = from + (1 + 59 * this.random()) * 60_000
    this.outage = hit && dependency !== undefined ? { dependency, from, until } : undefined
  }

  private readonly meet = (name: string) => this.met.set(name, (this.met.get(name) ?? 0) + 1)

  /** A call of `dependency` as it goes in this weather. In an outage every call meets one of `down`. */
  readonly call = <A, E, R, E2, E3>(
    dependency: string,
    latency: Duration.Duration,
    faults: ReadonlyArray<Fault<E2>>,
    down: ReadonlyArray<Fault<E3>>,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | E2 | E3, R> =>
    Effect.gen({ self: this }, function* () {
      const { outage } = this
      const now = yield* Clock.currentTimeMillis
      const out = outage?.dependency === dependency && outage.from <= now && now < outage.until
      const every: ReadonlyArray<Fault<E2 | E3>> = out ? down : faults
      const among = out ? every.reduce((sum, { perMille }) => sum + perMille, 0) : 1000
      const fault = drawn(every, this.random() * among)
      if (fault === undefined) return yield* Effect.delay(effect, latency)
      this.meet(out ? `outage: ${fault.name}` : fault.name)
      yield* Effect.sleep(fault.takes ?? latency)
      if (fault.lost === true) yield* effect
      return yield* Effect.fail(fault.reason())
    })
}
