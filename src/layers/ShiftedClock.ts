import { Clock, Effect } from "effect"

/** `real`, ahead by `ms()` at every look (behind, where that is negative). Sleeps and measured times are `real`'s own. */
export const make = (real: Clock.Clock, ms: () => number): Clock.Clock => {
  const nanos = () => BigInt(Math.round(ms())) * 1_000_000n
  return Clock.Clock.of({
    currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + ms(),
    currentTimeMillis: Effect.map(real.currentTimeMillis, (now) => now + ms()),
    currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe() + nanos(),
    currentTimeNanos: Effect.map(real.currentTimeNanos, (now) => now + nanos()),
    monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: real.monotonicTimeNanos,
    sleep: (duration) => real.sleep(duration)
  })
}
